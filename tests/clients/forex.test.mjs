// Polygon's JavaScript client before the foreign exchange market: REST and the stream agree, at any hour.

import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";

import { restClient, websocketClient } from "@polygon.io/client-js";

const KEY = "a-key-of-my-own";
const { KLINED_BIN } = process.env;
let directory, server, address, rest;

async function freePort() {
    const listener = createServer().listen(0, "127.0.0.1");
    await new Promise((resolve) => listener.once("listening", resolve));
    const { port } = listener.address();
    await new Promise((resolve) => listener.close(resolve));
    return port;
}

before(async () => {
    directory = mkdtempSync(join(tmpdir(), "klined-forex-"));
    address = `127.0.0.1:${await freePort()}`;
    const named = Object.entries(process.env).filter(([name]) => !name.startsWith("FX_") && !name.startsWith("KLINED_API"));
    const words = ["--always-open", "--addr", address, "--api-key", KEY, "--rate", "100000", "--no-log-files"];
    server = spawn(join(KLINED_BIN, "fx-api"), words, { cwd: directory, env: Object.fromEntries(named), stdio: "ignore" });
    rest = restClient(KEY, `http://${address}`);
    for (let attempt = 0; ; attempt++) {
        try {
            await rest.getLastCurrencyQuote("EUR", "USD");
            return;
        } catch (error) {
            if (attempt === 300) throw error;
            await sleep(100);
        }
    }
});

after(() => {
    server.kill("SIGTERM");
    rmSync(directory, { recursive: true });
});

test("the minutes of a Saturday make its day", async () => {
    const bars = (multiplier, timespan) => rest.getForexAggregates("C:EURUSD", multiplier, timespan, "2025-07-12", "2025-07-12", true, "asc", 50000);
    const minutes = (await bars(1, "minute")).results;
    const [day] = (await bars(1, "day")).results;
    assert.equal(minutes.length, 1440);
    const volume = minutes.reduce((sum, { v }) => sum + v, 0);
    const rolled = [minutes[0].o, Math.max(...minutes.map(({ h }) => h)), Math.min(...minutes.map(({ l }) => l)), minutes.at(-1).c, volume];
    assert.deepEqual([day.o, day.h, day.l, day.c, day.v], rolled);
});

test("a conversion is the last quote", async () => {
    const { converted, initialAmount, last } = await rest.getCurrencyConversion("AUD", "USD", 100, 2);
    assert.ok(Math.abs(converted - initialAmount * last.bid) < 0.01);
});

test("a wrong key and an unknown unit are refused", async () => {
    await assert.rejects(restClient("wrong", `http://${address}`).getLastCurrencyQuote("EUR", "USD"), (error) => error.response.status === 401);
    await assert.rejects(rest.getForexAggregates("C:EURUSD", 1, "fortnight", "2025-07-12", "2025-07-12"), (error) => error.response.status === 400);
});

test("the stream's bars and quotes are those of REST", { timeout: 120_000 }, async () => {
    const socket = websocketClient(KEY, `ws://${address}`).forex();
    const [quotes, seconds] = [[], []];
    await new Promise((resolve, reject) => {
        socket.onerror = reject;
        socket.onmessage = ({ data }) => {
            for (const message of JSON.parse(data)) {
                if (message.status === "auth_success") socket.send(JSON.stringify({ action: "subscribe", params: "C.EUR/USD,CAS.EUR/USD" }));
                if (message.ev === "C") quotes.push(message);
                if (message.ev === "CAS") seconds.push(message);
            }
            if (seconds.length >= 5) resolve();
        };
    });
    socket.close();
    for (const bar of seconds) {
        const answer = await rest.getForexAggregates("C:EURUSD", 1, "second", String(bar.s), String(bar.s));
        const [{ o, h, l, c, v }] = answer.results;
        assert.deepEqual([bar.o, bar.h, bar.l, bar.c, bar.v], [o, h, l, c, v]);
    }
    // The first second may have begun before the subscription.
    const { s, e, v } = seconds[1];
    assert.equal(quotes.filter(({ t }) => s <= t && t < e).length, v);
});
