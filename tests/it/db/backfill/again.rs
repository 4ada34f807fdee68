//! A market that begins again on its first day: all of it or nothing.

use klined::jobs::begin_again;

use crate::on_every_backend;
use crate::support::database::{Backend, Database};
use crate::support::date;
use crate::support::market_builder::{aggregate, assert_clean, fill, market, range};

on_every_backend! {
    fn a_market_begins_again_in_one_transaction(database: &Database) {
        let market = market(database);
        let (window, now) = (range("2026-03-18", "2026-03-20"), "2026-03-20 20:00:00");
        fill(&market, window, now).unwrap();
        aggregate(&market);
        let whole = database.contents();
        // What fails between the removal and the new listings takes the removal back.
        let refusal = match database.backend {
            Backend::Sqlite => "CREATE TRIGGER refusal BEFORE INSERT ON stock_listing BEGIN SELECT RAISE(ABORT, 'refused'); END",
            Backend::Postgres => "CREATE FUNCTION refuse() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RAISE 'refused'; END $$; \
                                  CREATE TRIGGER refusal BEFORE INSERT ON stock_listing FOR EACH ROW EXECUTE FUNCTION refuse()",
        };
        database.execute(refusal);
        begin_again(&market, date("2026-03-18")).unwrap_err();
        assert_eq!(database.contents(), whole);
        database.execute(match database.backend {
            Backend::Sqlite => "DROP TRIGGER refusal",
            Backend::Postgres => "DROP TRIGGER refusal ON stock_listing",
        });
        begin_again(&market, date("2026-03-18")).unwrap();
        // As a kill would leave it: no bars, and the first day known.
        assert_eq!(database.value("SELECT CAST(count(*) AS text) AS text FROM market_klines"), "0");
        assert_eq!(database.column("SELECT DISTINCT CAST(first_day AS text) AS text FROM stock_listing"), ["2026-03-18"]);
        assert_eq!(database.value("SELECT seed AS text FROM market_identity"), "42");
        fill(&market, window, now).unwrap();
        aggregate(&market);
        assert_clean(&market);
        assert_eq!(database.contents(), whole);
    }
}
