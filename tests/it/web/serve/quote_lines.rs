//! Sina's and Tencent's lines: the database's figures at the places that the vendors give them, in GBK.

use std::io::{Read, Write};
use std::net::TcpStream;

use crate::on_every_backend;
use crate::support::api::Api;
use crate::support::database::{Backend, Database};

const STOCKS: &str = "symbol,name,sector,base_price,base_volatility,board\n\
    600000,浦发银行,Banks,10.00,0.02,main\n300750,宁德时代,Industry,250.00,0.03,chinext\nAAPL,Apple Inc.,Technology,150.00,0.02,free\n";

fn market(database: &Database, words: &str) -> Api {
    std::fs::write(database.directory.path().join("codes.csv"), STOCKS).unwrap();
    database.market_backfill("--universe codes.csv --from 2026-03-02 --to 2026-03-03").run().succeeded();
    database.api(words)
}

/// An answer byte for byte.
fn bytes(api: &Api, path: &str) -> Vec<u8> {
    let mut stream = TcpStream::connect(&api.address).unwrap();
    write!(stream, "GET {path} HTTP/1.1\r\nHost: {}\r\nConnection: close\r\n\r\n", api.address).unwrap();
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer).unwrap();
    answer
}

on_every_backend! {
    fn lines_have_the_databases_figures(database: &Database) {
        let api = market(database, "");
        let days = database.bars("symbol = '600000' AND interval = '1d'");
        let [before, day] = [0, 1].map(|place| days[place].split(' ').map(str::to_owned).collect::<Vec<_>>());
        let price = |text: &str| text.parse::<f64>().unwrap();
        let text = api.get("/list=sh600000,sz300750,sh999999,AAPL").text;
        let lines: Vec<&str> = text.lines().collect();
        assert_eq!(lines.len(), 4);
        assert_eq!(lines[2], "var hq_str_sh999999=\"\";");
        assert!(lines[3].starts_with("var hq_str_AAPL=\"Apple Inc.,"), "{}", lines[3]);
        let fields: Vec<&str> = lines[0].split('"').nth(1).unwrap().split(',').collect();
        assert_eq!(fields.len(), 33, "{fields:?}");
        let figures = [1, 2, 3, 4, 5].map(|place| price(fields[place]));
        assert_eq!(figures, [&day[1], &before[4], &day[4], &day[2], &day[3]].map(|text| price(text)));
        assert_eq!((fields[8], &fields[30], fields[12]), (day[5].as_str(), &"2026-03-03", "0"));
        assert!(price(fields[6]) < price(fields[7]) && fields[6] == fields[11] && fields[7] == fields[21]);
        let text = api.get("/q=sh600000,sz000001").text;
        let fields: Vec<&str> = text.trim_end().split('"').nth(1).unwrap().split('~').collect();
        assert_eq!((text.lines().count(), fields.len(), fields[2]), (1, 88, "600000"));
        let figures = [3, 4, 5, 33, 34].map(|place| price(fields[place]));
        assert_eq!(figures, [&day[4], &before[4], &day[1], &day[2], &day[3]].map(|text| price(text)));
        assert_eq!(price(fields[6]), (price(&day[5]) / 100.0).floor());
        let limits = [47, 48].map(|place| price(fields[place]));
        assert!((limits[0] - price(&before[4]) * 1.1).abs() < 0.0051 && (limits[1] - price(&before[4]) * 0.9).abs() < 0.0051);
        assert_eq!(api.get("/q=sz999999").text, "v_pv_none_match=\"1\";\n");
        // Names are in GBK, and both roots are the same.
        for path in ["/list=sh600000", "/rn=1772415000000&list=sh600000", "/sina/list=sh600000"] {
            let answer = bytes(&api, path);
            assert!(answer.windows(8).any(|part| part == b"\xc6\xd6\xb7\xa2\xd2\xf8\xd0\xd0"), "{path}");
        }
        assert!(bytes(&api, "/tencent/q=sh600000").windows(8).any(|part| part == b"\xc6\xd6\xb7\xa2\xd2\xf8\xd0\xd0"));
        for path in ["/list=", "/list=sh600000&limit=3", "/list=sh600000?limit=3", "/q=", "/sina/q=sh600000"] {
            assert_eq!(api.get(path).status, 400, "{path}");
        }
        assert_eq!([api.get("/nothing=1").status, api.get("/sina").status], [404, 404]);
        api.running.terminate().succeeded();
    }
}

#[test]
fn a_key_stands_in_the_path() {
    let database = Database::new(Backend::Sqlite);
    let key = super::guarding::key(&database, "");
    let api = market(&database, "--api-keys keys.toml");
    assert_eq!(api.get("/list=sh600000").status, 401);
    assert_eq!(api.get(&format!("/sina/key/{key}/list=sh600000")).status, 200);
    assert_eq!(api.get(&format!("/tencent/key/{key}/q=sh600000")).status, 200);
    api.running.terminate().succeeded();
}
