// Polygon's JavaScript client: what it hears is what the database holds.

import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { test } from "node:test";

import { restClient, websocketClient } from "@polygon.io/client-js";

const { KLINED_URL, KLINED_DATABASE, KLINED_KEY_ID, KLINED_KEY_SECRET, KLINED_MARKET } = process.env;
const key = `${KLINED_KEY_ID}.${KLINED_KEY_SECRET}`;

function query(sql) {
    const [program, ...words] = KLINED_MARKET.split(" ");
    const answer = execFileSync(program, [...words, "query", KLINED_DATABASE, sql], { encoding: "utf8" });
    return answer.split("\n").filter(Boolean).map((line) => line.split("\t"));
}

function bars(symbol, interval = "1m") {
    const sql = `SELECT time, open, high, low, close, volume FROM market_klines WHERE symbol = '${symbol}' AND interval = '${interval}' ORDER BY time`;
    return query(sql).map((row) => row.map(Number));
}

const rows = (results) => results.map(({ t, o, h, l, c, v }) => [t / 1000, o, h, l, c, v]);

test("bars are those of the database, on one page and on many", async () => {
    const stored = bars("AAPL");
    const [from, to] = [stored[0][0] * 1000, stored.at(-1)[0] * 1000];
    const whole = await restClient(key, KLINED_URL).getStocksAggregates("AAPL", 1, "minute", from, to, true, "asc", 50000);
    assert.deepEqual(rows(whole.results), stored);
    const paging = restClient(key, KLINED_URL, { pagination: true });
    const joined = await paging.getStocksAggregates("AAPL", 1, "minute", from, to, true, "asc", 100);
    // The client puts later pages first.
    assert.deepEqual(rows(joined.results).sort((a, b) => a[0] - b[0]), stored);
    assert.ok(stored.length > 400);
});

test("trades of a minute are its bar, on many pages", async () => {
    const bar = bars("JPM").at(-20);
    const paging = restClient(key, KLINED_URL, { pagination: true });
    const [from, to] = [`${bar[0]}000000000`, `${bar[0] + 60}000000000`];
    const answer = await paging.getStocksTrades("JPM", undefined, from, undefined, undefined, to, "asc", 5);
    const trades = answer.results.sort((a, b) => a.sip_timestamp - b.sip_timestamp || a.sequence_number - b.sequence_number);
    const prices = trades.map((trade) => trade.price);
    const volume = trades.reduce((sum, trade) => sum + trade.size, 0);
    const made = [bar[0], prices[0], Math.max(...prices), Math.min(...prices), prices.at(-1), volume];
    assert.deepEqual(made, bar);
});

test("what does not exist is answered as by the vendor", async () => {
    const rest = restClient(key, KLINED_URL);
    const none = await rest.getStocksAggregates("NOPE", 1, "day", "2020-01-01", "2030-01-01");
    assert.deepEqual([none.status, none.resultsCount], ["OK", 0]);
    await assert.rejects(rest.getLastStocksTrade("NOPE"), (error) => error.response.data.status === "NOT_FOUND");
    const wrong = restClient("wrong", KLINED_URL);
    await assert.rejects(wrong.getLastStocksTrade("AAPL"), (error) => error.response.status === 401);
});

test("tickers are on as many pages as it takes", async () => {
    const answer = await restClient(key, KLINED_URL, { pagination: true }).listTickers(undefined, undefined, "stocks", undefined, undefined, undefined, undefined, undefined, true, undefined, undefined, undefined, undefined, "asc", 3);
    const stored = query("SELECT symbol FROM stock_metadata ORDER BY symbol").map(([symbol]) => symbol);
    assert.deepEqual(answer.results.map((row) => row.ticker).sort(), stored);
    assert.equal(answer.count, stored.length);
});

test("live ticks add up to the bar that follows", { timeout: 120_000 }, async () => {
    const socket = websocketClient(key, KLINED_URL.replace("http", "ws")).stocks();
    const [trades, minutes] = [[], []];
    await new Promise((resolve, reject) => {
        socket.onerror = reject;
        socket.onmessage = ({ data }) => {
            for (const message of JSON.parse(data)) {
                if (message.status === "auth_success") {
                    socket.send(JSON.stringify({ action: "subscribe", params: "T.AAPL, T.*, AM.AAPL" }));
                }
                if (message.ev === "T" && message.sym === "AAPL") trades.push(message);
                if (message.ev === "AM") minutes.push(message);
            }
            if (minutes.length >= 3) resolve();
        };
    });
    socket.close();
    const minute = minutes[2];
    const prices = trades.filter(({ t }) => minute.s <= t && t < minute.e);
    const volume = prices.reduce((sum, { s }) => sum + s, 0);
    const made = [prices[0].p, Math.max(...prices.map(({ p }) => p)), Math.min(...prices.map(({ p }) => p)), prices.at(-1).p, volume];
    assert.deepEqual([minute.o, minute.h, minute.l, minute.c, minute.v], made);
    assert.deepEqual([minute.s / 1000, ...made], bars("AAPL").find(([time]) => time * 1000 === minute.s));
});
