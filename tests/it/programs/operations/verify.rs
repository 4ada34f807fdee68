//! Verify beside programs that write: what it says is right for the moment at which it began.

use klined_testing::assert_has;

use crate::on_every_backend;
use crate::support::database::Database;

/// How often the market is verified while it grows.
const ROUNDS: usize = 6;

on_every_backend! {
    fn verify_beside_a_writer_raises_no_false_alarm(database: &Database) {
        let halts = "name = \"h\"\n[[event]]\nkind = \"halt\"\nsymbol = \"V\"\nfrom = \"day 1 10:00\"\nuntil = \"10:30\"\n\
                     [[event]]\nkind = \"halt\"\nfrom = \"day 2 10:00\"\nuntil = \"10:30\"\n";
        std::fs::write(database.directory.path().join("halts.toml"), halts).unwrap();
        let mut market = database.filled().klined("up --speed 6000 --addr none --scenario halts.toml").spawn();
        market.until_minutes(2, database);
        for _ in 0..ROUNDS {
            let before = database.last_minute();
            let verified = database.klined("verify").run().succeeded();
            assert_has(&verified.stdout, &["10 symbols", "clean"]);
            market.until("it goes on", || database.last_minute() > before);
        }
        // And what is off is found all the same.
        database.execute("UPDATE market_klines SET volume = volume + 1 WHERE symbol = 'V' AND interval = '1m' AND time = 1772415060");
        let found = database.klined("verify").run();
        assert_eq!(found.status.code(), Some(1));
        assert_has(&found.stdout, &["V 1m 2026-03-02 09:31:00", "differs from the market"]);
        market.terminate().succeeded();
    }
}
