// Polygon's JavaScript client before a relay: both kinds of symbols by REST and in one connection. test_relay.py runs it.

import assert from "node:assert/strict";

import { restClient, websocketClient } from "@polygon.io/client-js";

const { KLINED_URL, KLINED_KEY } = process.env;

for (const symbol of ["AAPL", "TECH"]) {
    const answer = await restClient(KLINED_KEY, KLINED_URL).getLastStocksTrade(symbol);
    assert.equal(answer.results.T, symbol);
}
const socket = websocketClient(KLINED_KEY, KLINED_URL.replace("http", "ws")).stocks();
const heard = new Set();
await new Promise((resolve, reject) => {
    setTimeout(() => reject(new Error(`only ${[...heard]} were heard`)), 120_000).unref();
    socket.onerror = reject;
    socket.onmessage = ({ data }) => {
        for (const message of JSON.parse(data)) {
            if (message.status === "auth_success") {
                socket.send(JSON.stringify({ action: "subscribe", params: "T.AAPL,T.TECH" }));
            } else if (message.ev === "T") {
                heard.add(message.sym);
            }
        }
        if (heard.size === 2) resolve();
    };
});
socket.close();
