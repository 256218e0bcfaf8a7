"""What goes into the application, and what is told of its size."""

from __future__ import annotations

import app_parts
import app_sizes
import build_app
import pytest


@pytest.mark.parametrize(
    ("destination", "wanted"),
    [
        ("mooring-0.1.0.dist-info/direct_url.json", False),
        ("mooring-0.1.0.dist-info/entry_points.txt", True),
        ("mooring/control_api/web/direct_url.json", True),
        ("mooring/runtime/research/__pycache__/simulate.loop-67.py311.1.nbc", False),
        ("PySide6/Qt/translations/qt_de.qm", False),
        ("PySide6/Qt/plugins/platforms/libqxcb.so", True),
        ("PySide6/Qt/plugins/platforms/libqcocoa.dylib", True),
        ("PySide6/Qt/plugins/platforms/libqvnc.so", False),
        ("PySide6/Qt/plugins/platformthemes/libqgtk3.so", False),
        ("PySide6/Qt/plugins/styles/libqmacstyle.dylib", True),
        ("PySide6/Qt/lib/libQt6Gui.so.6", True),
    ],
)
def test_nothing_of_one_machine_and_nothing_of_qt_that_no_window_needs(destination, wanted):
    assert app_parts.is_wanted(destination) is wanted


def test_libraries_that_came_for_a_plugin_alone_go_with_it_and_shared_ones_stay():
    needs = {
        "qgtk": ["gtk", "glib"],
        "gtk": ["pango", "glib", "not-collected"],
        "pango": ["gtk"],
        "window": ["glib"],
        "glib": [],
        "loaded-by-name": [],
    }
    alone = app_parts.only_for(["qgtk"], needs, needs.__getitem__)
    assert alone == {"qgtk", "gtk", "pango"}


def test_a_framework_that_is_not_wanted_goes_with_all_that_is_in_it_and_no_link_leads_nowhere():
    def framework(name):
        at = f"PySide6/Qt/lib/{name}.framework"
        return (f"{at}/Versions/A/{name}", f"/wheel/{name}", "BINARY"), (
            (f"{at}/Versions/A/Resources/Info.plist", "/wheel/Info.plist", "DATA"),
            (f"{at}/Versions/Current", "A", "SYMLINK"),
            (f"{at}/{name}", f"Versions/Current/{name}", "SYMLINK"),
            (name, f"{at}/Versions/A/{name}", "SYMLINK"),
        )

    (core, of_core), (svg, of_svg) = framework("QtCore"), framework("QtSvg")
    plugin = ("PySide6/Qt/plugins/imageformats/libqsvg.dylib", "/wheel/libqsvg.dylib", "BINARY")
    window = ("PySide6/QtCore.abi3.so", "/wheel/QtCore.abi3.so", "EXTENSION")
    page = ("mooring/web/page.html", "/src/page.html", "DATA")
    folder = ("web", "mooring/web", "SYMLINK")
    again = ("QtSvg.5", "QtSvg", "SYMLINK")  # a link to a link that goes
    needs = {"/wheel/libqsvg.dylib": ["QtSvg", "QtCore"], "/wheel/QtSvg": ["QtCore"], "/wheel/QtCore": ["libSystem"]}
    needs["/wheel/QtCore.abi3.so"] = ["QtCore"]
    files = [*of_core, *of_svg, page, folder, again]
    stay, others = app_parts.kept([core, svg, window, plugin], files, needs.__getitem__)
    assert stay == [core, window]
    assert others == [*of_core, page, folder]
    assert app_parts.kept([core, svg], files, needs.__getitem__) == ([core, svg], files)


def test_terms_of_libraries_go_with_them_each_where_it_cannot_replace_another():
    found = list(app_parts.licences())
    places = [(place, file.rpartition("/")[2]) for file, place in found]
    assert len(set(places)) == len(places)
    assert {"numpy", "cryptography", "onnxruntime"} <= {place.split("/")[1] for _, place in found}
    listed = app_parts.libraries(with_qt=False)
    assert "cryptography " in listed
    assert "pyside6" not in listed
    assert "polars" not in listed


def test_sizes_are_counted_once_and_the_daemons_share_is_its_own(tmp_path, capsys):
    inside = tmp_path / "app" / "_internal" / "lib"
    inside.mkdir(parents=True)
    (inside / "a.so").write_bytes(bytes(3_000_000))
    (inside / "link.so").symlink_to("a.so")
    (tmp_path / "app" / "_internal" / "qt.so").write_bytes(bytes(5_000_000))
    (tmp_path / "app" / "mooring").write_bytes(bytes(1_000_000))
    (tmp_path / "daemon.txt").write_text("mooring\nlib/a.so\nlib/link.so")
    assert app_sizes.main([str(tmp_path / "app"), str(tmp_path / "daemon.txt")]) == 0
    said = capsys.readouterr().out
    assert "4.0 MB  the daemon alone, 2 files" in said
    assert "9.0 MB  the whole application, 3 files" in said


def test_a_daemon_that_is_too_large_fails(tmp_path, capsys, monkeypatch):
    (tmp_path / "mooring").write_bytes(bytes(10))
    monkeypatch.setattr(app_sizes, "DAEMON_BYTES_MAX", 9)
    assert app_sizes.main([str(tmp_path)]) == 1
    assert "larger than" in capsys.readouterr().err


@pytest.fixture
def tree(tmp_path, monkeypatch):
    """A tree of which an application could be made; what is run is noted and does nothing."""
    for name in (*build_app.SOURCES, *(f"requirements/{lock}.txt" for lock in build_app.LOCKS)):
        place = tmp_path / name / "a.py" if "." not in name else tmp_path / name
        place.parent.mkdir(parents=True, exist_ok=True)
        place.write_text("1")
    monkeypatch.setattr(build_app, "ROOT", tmp_path)
    monkeypatch.setattr(build_app, "BUILD", tmp_path / "build")
    monkeypatch.setattr(build_app, "DIST", tmp_path / "dist")
    ran = []

    def run(command, environ, *, quiet):
        ran.append(command)
        made = build_app.program("mooring")
        made.parent.mkdir(parents=True, exist_ok=True)
        made.touch()
        return statuses.pop(0) if statuses else 0

    statuses: list[int] = []
    monkeypatch.setattr(build_app, "_run", run)
    return tmp_path, ran, statuses


def test_it_is_built_once_for_the_same_sources_and_again_for_others(tree):
    root, ran, _ = tree
    assert build_app.main(["--quiet"]) == build_app.main(["--quiet"]) == 0
    assert len(ran) == 2, "frozen, and its selftest"
    (root / "mooring" / "a.py").write_text("2")
    assert build_app.main(["--quiet"]) == 0
    assert len(ran) == 4
    (root / "mooring" / "__pycache__").mkdir()
    for cache in ("a.cpython-313.pyc", "a.loop-67.py313.1.nbc"):
        (root / "mooring" / "__pycache__" / cache).write_text("cache")
    assert build_app.main(["--quiet"]) == 0
    assert len(ran) == 4


def test_one_that_fails_its_selftest_does_not_count_as_built(tree):
    _, ran, statuses = tree
    statuses += [0, 1]
    assert build_app.main(["--quiet"]) == 1
    assert build_app.main(["--quiet"]) == 0
    assert len(ran) == 4


def test_after_a_build_that_failed_what_stood_before_does_not_count_either(tree):
    root, ran, statuses = tree
    assert build_app.main(["--quiet"]) == 0
    (root / "mooring" / "a.py").write_text("2")
    statuses += [1]
    assert build_app.main(["--quiet"]) == 1
    (root / "mooring" / "a.py").write_text("1")
    assert build_app.main(["--quiet"]) == 0
    assert len(ran) == 5, "what was left half made is built anew"


def test_of_languages_only_python_can_be_coloured():
    assert {"pygments.lexers.javascript", "pygments.lexers.sql"} <= set(app_parts.MENUBAR_NEVER)
    assert not {"pygments.lexers", "pygments.lexers._mapping", "pygments.lexers.python"} & set(app_parts.NEVER)
