"""A process that dies at the nth change it makes to a file, or whose disk fails then.

Each write, sync, cut, link, rename and removal counts.

A small library stands before the C library's functions (ld.so(8), LD_PRELOAD), so that SQLite's own writes count as ours
do, in whichever thread they are made. Linux with a C compiler only.
"""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

SOURCE = r"""
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <signal.h>
#include <stdatomic.h>
#include <sys/stat.h>
#include <unistd.h>

static atomic_long left = 0;
static int torn = 0;

void dying_at(long nth, int tear) { torn = tear; atomic_store(&left, nth); }

static atomic_long good = 0;
static atomic_int failure = 0;
static atomic_int only_syncs = 0;

void failing_after(long changes, int error, int syncs) {
  atomic_store(&good, changes); atomic_store(&failure, error); atomic_store(&only_syncs, syncs); }

static int fails(int sync) {
  if (atomic_load(&failure) == 0 || (atomic_load(&only_syncs) && !sync) || atomic_fetch_sub(&good, 1) > 0) return 0;
  atomic_store(&good, 0);
  atomic_store(&only_syncs, 0);
  errno = atomic_load(&failure);
  return 1; }

static int due(void) { return atomic_load(&left) > 0 && atomic_fetch_sub(&left, 1) == 1; }

static void die(void) { kill(getpid(), SIGKILL); for (;;) pause(); }

static int file(int fd) { struct stat facts; return fstat(fd, &facts) == 0 && S_ISREG(facts.st_mode); }

#define REAL(name) ((__typeof__(&name)) dlsym(RTLD_NEXT, #name))

#define WRITING(name, offset_type) \
  ssize_t name(int fd, const void *data, size_t size, offset_type at) { \
    if (file(fd) && due()) { if (torn) REAL(name)(fd, data, size / 2, at); die(); } \
    if (file(fd) && fails(0)) return -1; \
    return REAL(name)(fd, data, size, at); }
WRITING(pwrite, off_t)
WRITING(pwrite64, off64_t)

ssize_t write(int fd, const void *data, size_t size) {
  if (file(fd) && due()) { if (torn) REAL(write)(fd, data, size / 2); die(); }
  if (file(fd) && fails(0)) return -1;
  return REAL(write)(fd, data, size); }

#define CALLING(name, declared, given, sync) \
  int name declared { if (due()) die(); if (fails(sync)) return -1; return REAL(name) given; }
#define CHANGING(name, declared, given) CALLING(name, declared, given, 0)
CALLING(fsync, (int fd), (fd), 1)
CALLING(fdatasync, (int fd), (fd), 1)
CHANGING(ftruncate, (int fd, off_t size), (fd, size))
CHANGING(ftruncate64, (int fd, off64_t size), (fd, size))
CHANGING(unlink, (const char *path), (path))
CHANGING(unlinkat, (int folder, const char *path, int flags), (folder, path, flags))
CHANGING(rename, (const char *from, const char *to), (from, to))
CHANGING(renameat, (int from, const char *old, int to, const char *new), (from, old, to, new))
CHANGING(link, (const char *from, const char *to), (from, to))
CHANGING(linkat, (int from, const char *old, int to, const char *new, int flags), (from, old, to, new, flags))
"""


def why_not() -> str:
    """Why no such process can be made here; empty where one can."""
    if sys.platform != "linux":
        return "functions of the C library can only be stood in for on Linux"
    return "" if shutil.which("cc") else "there is no C compiler"


def build(folder: Path) -> Path:
    """The library, to be named in LD_PRELOAD; a process calls its functions when it is to begin counting.

    `dying_at(nth, torn)`: dies at the nth change from now on; with `torn` a write that is the nth is done by half first.
    `failing_after(n, error, syncs)`: after n more changes all of them fail with this errno, until it is called with
    zeros; with `syncs` only syncs count, and one is the first to fail.
    """
    (folder / "dying.c").write_text(SOURCE)
    made = folder / "dying.so"
    command = ["cc", "-shared", "-fPIC", "-O1", "-o", str(made), str(folder / "dying.c"), "-ldl"]
    subprocess.run(command, check=True, capture_output=True, text=True)
    return made
