/** Alpaca's JavaScript clients, 4.x and 3.x, unchanged but for their URLs. What they give is compared with the database. */

import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import net from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import tls from 'node:tls';

import { marketData, streaming } from '@alpacahq/alpaca-trade-api';
import Three from 'alpaca-trade-api-3';

const { KLINED_URL: url, KLINED_DATABASE: database, KLINED_MARKET: market, KLINED_KEY_ID: keyId, KLINED_KEY_SECRET: secret } = process.env;
const PATIENCE = 90_000;

function rows(sql) {
  const [python, script] = market.split(' ');
  const answer = execFileSync(python, [script, 'query', database, sql], { encoding: 'utf8' });
  return answer.trim() === '' ? [] : answer.trim().split('\n').map((line) => line.split('\t').map(Number));
}

const stored = (symbol, condition = '') =>
  rows(`SELECT time, open, high, low, close, volume FROM market_klines WHERE symbol = '${symbol}' AND interval = '1m' ${condition} ORDER BY time`);

async function until(what, probe) {
  for (const end = Date.now() + PATIENCE; Date.now() < end; await new Promise((go) => setTimeout(go, 50))) {
    if (probe()) return;
  }
  assert.fail(`waited in vain until ${what}`);
}

/** What trades of a minute come to, as a row of the database. */
function rolled(start, trades) {
  const prices = trades.map((trade) => trade.price);
  const volume = trades.reduce((sum, trade) => sum + trade.size, 0);
  return [start, prices[0], Math.max(...prices), Math.min(...prices), prices.at(-1), volume];
}

/** Bars that are the database's, and trades that add up to them from the second minute on. */
function check(bars, trades) {
  for (const { start, row } of bars.slice(1)) {
    assert.deepEqual([row], stored('AAPL', `AND time = ${start}`));
    const own = trades.filter((trade) => trade.at >= start * 1000 && trade.at < (start + 60) * 1000);
    assert.deepEqual(rolled(start, own), row);
  }
}

const second = (time) => Math.floor(new Date(time).getTime() / 1000);

test('4.x: pages of bars are the bars of the database, and its stream adds up to them', async () => {
  const api = new marketData.StockApi(new marketData.Configuration({ basePath: url, keyId, secret }));
  const all = stored('AAPL');
  const found = [];
  let pages = 0;
  for (let pageToken; pages === 0 || pageToken; pages += 1) {
    const page = await api.stockBars({
      symbols: 'AAPL',
      timeframe: '1Min',
      start: new Date(all[0][0] * 1000),
      end: new Date(all.at(-1)[0] * 1000),
      // Of three days, the present one may have just begun: there are 480 minutes at least.
      limit: 150,
      pageToken,
    });
    for (const bar of page.bars.AAPL ?? []) {
      const raw = JSON.parse(JSON.stringify(bar));
      found.push([second(raw.t ?? raw.timestamp), raw.o ?? raw.open, raw.h ?? raw.high, raw.l ?? raw.low, raw.c ?? raw.close, raw.v ?? raw.volume]);
    }
    pageToken = page.nextPageToken ?? undefined;
  }
  assert.ok(pages > 3, `${pages} pages`);
  assert.deepEqual(found, all);

  const stream = new streaming.StockDataStream({ credentials: { keyId, secret }, url: `${url.replace('http', 'ws')}/v2/iex` });
  const [bars, trades] = [[], []];
  stream.onTrade(({ timestamp, price, size }) => trades.push({ at: new Date(timestamp).getTime(), price, size }));
  stream.onBar((bar) => bars.push({ start: second(bar.timestamp), row: [second(bar.timestamp), bar.open, bar.high, bar.low, bar.close, bar.volume] }));
  stream.onConnect(() => {
    stream.subscribeForTrades(['AAPL']);
    stream.subscribeForBars(['AAPL']);
  });
  stream.connect();
  try {
    await until('three bars are heard', () => bars.length >= 3);
  } finally {
    stream.disconnect();
  }
  check(bars, trades);
});

test('4.x: a wrong key is refused', async () => {
  const stream = new streaming.StockDataStream({ credentials: { keyId, secret: 'wrong' }, url: `${url.replace('http', 'ws')}/v2/iex`, reconnect: false });
  stream.on('error', () => {});
  stream.connect();
  const outcome = await stream.waitForAuthenticationResult(PATIENCE);
  stream.disconnect();
  assert.equal(outcome.authenticated, false);
  assert.equal(outcome.code, 402);
});

/** 3.x speaks TLS whatever its URL says: something in front of the server that ends it. */
async function behindTls() {
  const place = mkdtempSync(join(tmpdir(), 'klined-tls-'));
  const [key, cert] = ['key.pem', 'cert.pem'].map((name) => join(place, name));
  const words = `req -x509 -newkey rsa:2048 -nodes -days 1 -subj /CN=127.0.0.1 -keyout ${key} -out ${cert}`;
  execFileSync('openssl', words.split(' '), { stdio: 'ignore' });
  const port = Number(new URL(url).port);
  const server = tls.createServer({ key: readFileSync(key), cert: readFileSync(cert) }, (outer) => {
    const inner = net.connect(port, '127.0.0.1');
    outer.pipe(inner).pipe(outer);
    outer.on('error', () => inner.destroy());
    inner.on('error', () => outer.destroy());
  });
  await new Promise((go) => server.listen(0, '127.0.0.1', go));
  rmSync(place, { recursive: true });
  return server;
}

test('3.x: pages of bars are the bars of the database, and its stream adds up to them', async () => {
  process.env.NODE_TLS_REJECT_UNAUTHORIZED = '0';
  const front = await behindTls();
  const three = new Three({ keyId, secretKey: secret, dataBaseUrl: url, dataStreamUrl: `https://127.0.0.1:${front.address().port}`, feed: 'iex' });
  const all = stored('AAPL');
  const options = { timeframe: '1Min', start: new Date(all[0][0] * 1000).toISOString(), end: new Date(all.at(-1)[0] * 1000).toISOString(), pageLimit: 200 };
  const found = [];
  for await (const bar of three.getBarsV2('AAPL', { ...options, limit: all.length })) {
    found.push([second(bar.Timestamp), bar.OpenPrice, bar.HighPrice, bar.LowPrice, bar.ClosePrice, bar.Volume]);
  }
  assert.deepEqual(found, all);
  const latest = await three.getLatestTrade('AAPL');
  assert.ok(Number.isInteger(latest.ID) && latest.Price > 0);
  await assert.rejects(three.getLatestTrade('NOSUCH'), /404.*symbol not found/);
  const snapshot = await three.getSnapshot('AAPL');
  assert.ok(snapshot.DailyBar.HighPrice >= snapshot.DailyBar.LowPrice);

  const stream = three.data_stream_v2;
  const [bars, trades, errors] = [[], [], []];
  stream.onError((error) => errors.push(error));
  stream.onStockTrade((trade) => trades.push({ at: new Date(trade.Timestamp).getTime(), price: trade.Price, size: trade.Size }));
  stream.onStockBar((bar) => bars.push({ start: second(bar.Timestamp), row: [second(bar.Timestamp), bar.OpenPrice, bar.HighPrice, bar.LowPrice, bar.ClosePrice, bar.Volume] }));
  stream.onConnect(() => {
    stream.subscribeForTrades(['AAPL']);
    stream.subscribeForBars(['AAPL']);
  });
  stream.connect();
  try {
    await until('three bars are heard', () => bars.length >= 3 || errors.length > 0);
    assert.deepEqual(errors, []);
    // It pings every ten seconds and ends a connection that does not answer within five.
    await new Promise((go) => setTimeout(go, 16_000));
    const heard = bars.length;
    await until('it is still there', () => bars.length > heard);
  } finally {
    stream.disconnect();
    front.close();
  }
  check(bars, trades);
});
