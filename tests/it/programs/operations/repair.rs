//! `klined repair` as an operator runs it: it shows, asks, changes, and goes on after a kill.

use std::time::Duration;

use klined_testing::{assert_has, assert_same};

use crate::on_every_backend;
use crate::support::database::Database;

/// Everything but the universe, the identity and a stock's watermark.
const DAMAGE: &str = "DELETE FROM market_klines WHERE symbol <> 'V' OR interval <> '1m'; DELETE FROM stock_state; \
     DELETE FROM model_checkpoint WHERE symbol = 'V'; DELETE FROM rollup_watermark WHERE symbol <> 'V'; \
     INSERT INTO market_klines (symbol, interval, time, open, high, low, close, volume) VALUES ('MINE', '1m', 1773799800, 1, 1, 1, 1, 1)";

on_every_backend! {
    fn repair_shows_its_plan_asks_and_changes_only_then(database: &Database) {
        let whole = database.filled().contents();
        assert_has(&database.klined("repair").run().succeeded().stdout, &["clean", "there is nothing to repair"]);
        database.execute(DAMAGE);
        let damaged = database.contents();
        let plan = database.klined("repair --dry-run").run();
        assert_eq!(plan.status.code(), Some(1));
        let words = [
            "the repair will change:",
            "4320 lost 1-minute bars are written again",
            "roll-ups are made again from the first wrong one on, of AAPL",
            "checkpoint and halts are made again, of AAPL",
            "all rows of \"MINE\" are removed",
        ];
        assert_has(&plan.stdout, &words);
        database.klined("repair").run().failed(&["There is no terminal", "--yes"]);
        assert_same(&database.contents(), &damaged);
        let mut generator = database.data_aggregator("").spawn();
        generator.until_it_says("started");
        database.klined("repair --yes").run().failed(&["another process is this database's aggregator"]);
        generator.terminate().succeeded();
        assert!(database.klined("repair --yes").run().succeeded().stdout.ends_with("\nclean\n"));
        assert_same(&database.contents(), &whole);
        database.klined("verify").run().succeeded();
    }

    fn a_repair_that_is_killed_is_finished_by_another(database: &Database) {
        database.market_backfill("--from 2026-01-05 --to 2026-03-03").run().succeeded();
        let whole = database.contents();
        database.execute(DAMAGE);
        for round in 0..6 {
            let repair = database.klined("repair --yes").spawn();
            std::thread::sleep(Duration::from_millis(200 + 400 * round));
            repair.kill();
        }
        database.klined("repair --yes").run().succeeded();
        assert_same(&database.contents(), &whole);
        assert_has(&database.klined("repair").run().succeeded().stdout, &["there is nothing to repair"]);
    }
}
