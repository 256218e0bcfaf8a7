"""Views of how things stand now, in SQL that both databases understand."""

from __future__ import annotations

from typing import Final

from mooring.runtime.domain.bars import HOUR_SECONDS

_LAST_HOUR: Final = (
    "SELECT account_id, max(hour_ts_utc) AS hour_ts_utc FROM equity GROUP BY account_id"  # of each account
)
VIEWS: Final[tuple[tuple[str, str], ...]] = (
    (
        "runs_now",
        (
            "SELECT r.*, coalesce((SELECT e.kind FROM run_events e WHERE e.run_id = r.run_id "
            "AND e.kind IN ('started', 'ended', 'crash_recovered') ORDER BY e.seq DESC LIMIT 1), 'created') AS status, "
            "(SELECT max(m.hour_ts_utc) FROM manifests m WHERE m.run_id = r.run_id) AS last_hour_ts_utc FROM runs r"
        ),
    ),
    (
        "portfolio_now",
        (
            f"SELECT e.* FROM equity e JOIN ({_LAST_HOUR}) h "  # noqa: S608 -- our own constant
            "ON h.account_id = e.account_id AND h.hour_ts_utc = e.hour_ts_utc"
        ),
    ),
    (
        "positions_now",
        (
            f"SELECT p.* FROM positions p JOIN ({_LAST_HOUR}) h "  # noqa: S608
            "ON h.account_id = p.account_id AND h.hour_ts_utc = p.hour_ts_utc"
        ),
    ),
    (
        # The hour that rows of a live account belong to before it is done; rows of other accounts have none.
        "open_hours",
        (
            f"SELECT a.account_id, max(e.hour_ts_utc) + {HOUR_SECONDS} AS hour_ts_utc "  # noqa: S608
            "FROM accounts a JOIN equity e ON e.account_id = a.account_id WHERE a.mode = 'live' GROUP BY a.account_id"
        ),
    ),
    (
        "orders_now",
        (
            "SELECT i.*, (SELECT e.status FROM order_events e WHERE e.client_order_id = i.client_order_id "
            "ORDER BY e.seq DESC LIMIT 1) AS status, coalesce((SELECT e.filled_quantity FROM order_events e "
            "WHERE e.client_order_id = i.client_order_id ORDER BY e.seq DESC LIMIT 1), 0) AS filled_quantity "
            "FROM order_intents i"
        ),
    ),
    (
        "lots_now",
        (
            "SELECT l.account_id, l.lot_id, l.symbol, l.opened_ts, "
            "l.quantity - coalesce(t.quantity, 0) AS quantity, l.cost - coalesce(t.cost, 0) AS cost "
            "FROM lots l LEFT JOIN (SELECT open_fill_id, CAST(sum(quantity) AS BIGINT) AS quantity, "
            "CAST(sum(cost) AS BIGINT) AS cost FROM trades "
            "GROUP BY open_fill_id) t ON t.open_fill_id = l.lot_id WHERE l.quantity > coalesce(t.quantity, 0)"
        ),
    ),
    (
        "balances_now",
        (
            "SELECT account_id, account, asset, CAST(sum(amount) AS BIGINT) AS balance "
            "FROM ledger GROUP BY account_id, account, asset"
        ),
    ),
    (
        "alerts_open",
        "SELECT a.* FROM alerts a WHERE NOT EXISTS (SELECT 1 FROM alert_acks k WHERE k.alert_id = a.alert_id)",
    ),
    ("controls_now", "SELECT * FROM controls WHERE seq = (SELECT max(seq) FROM controls)"),
    ("settings_now", "SELECT * FROM settings_versions WHERE version = (SELECT max(version) FROM settings_versions)"),
)
