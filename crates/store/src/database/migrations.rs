//! The tables of both engines, by the same numbers and names.

use sqlx::SqlSafeStr;
use sqlx::migrate::{Migration, MigrationType, Migrator};

/// Every migration of one dialect's folder, in order; the two folders hold files of the same names.
macro_rules! migrator {
    ($dialect:literal) => {
        migrator!(
            $dialect,
            "0001_spine",
            "0002_sign_in",
            "0003_receipts",
            "0004_draft",
            "0005_reach_counts",
            "0006_ledger_time",
            "0007_campaign_action",
            "0008_friends",
            "0009_media",
            "0010_rejected_rows",
            "0011_dispatched",
            "0012_restore",
            "0013_throttled",
            "0014_wall",
            "0015_billing",
            "0016_seal",
            "0017_operator",
            "0018_month",
            "0019_budget",
            "0020_tester",
            "0021_billable",
            "0022_channel",
            "0023_api_operation",
            "0024_audience_group",
            "0025_rich_menu",
            "0026_narrowcast",
            "0027_idempotency",
            "0028_webhook",
            "0029_webhook_age",
        )
    };
    ($dialect:literal, $($name:literal),+ $(,)?) => {{
        let files = [$((
            $name,
            include_str!(concat!("../../../../migrations/", $dialect, "/", $name, ".sql")),
        )),+];
        Migrator::with_migrations((1..).zip(files).map(migration).collect())
    }};
}

pub(super) fn sqlite() -> Migrator {
    migrator!("sqlite")
}

pub(super) fn postgres() -> Migrator {
    migrator!("postgres")
}

fn migration((version, (name, sql)): (i64, (&'static str, &'static str))) -> Migration {
    // Names begin with their number, without gaps: `tidy` holds it.
    let words = name.trim_start_matches(|c: char| c.is_ascii_digit() || c == '_');
    let kind = MigrationType::Simple;
    Migration::new(version, words.into(), kind, sql.into_sql_str(), false)
}
