/** The bars that the page makes of minutes, against the roll-ups of a real market. */

import assert from 'node:assert/strict';
import { before, test } from 'node:test';

import { build } from 'vite';

import { Market } from './market.mjs';

/** Markets whose sessions, clocks and names of days differ. */
const CALENDARS = { sse: 240, nyse: 390, '24x7': 1440, fx: 1440 };
const INTERVALS = ['1m', '5m', '15m', '30m', '60m', '120m', '1d', '1w', '1M'];

let page;

before(async () => {
  const lib = { entry: 'tests/series.ts', formats: ['es'] };
  const [{ output }] = await build({ configFile: false, logLevel: 'error', publicDir: false, build: { lib, write: false } });
  page = await import(`data:text/javascript,${encodeURIComponent(output[0].code)}`);
});

const numbers = ({ time, open, high, low, close, volume }) => ({ time, open, high, low, close, volume });

/** The server's bars up to a minute, as they were then: those that begin later are left out, the last one is not asked for. */
const closedBefore = (all, minute) => all.filter((bar) => bar.time <= minute.time).slice(0, -1);

for (const [calendar, dayMinutes] of Object.entries(CALENDARS)) {
  let market;
  const bars = async (interval, limit) => (await market.klines('AAPL', interval, limit)).map(numbers);

  test(`a market of the calendar ${calendar} is filled`, async () => {
    market = await Market.open('--days', '45', '--calendar', calendar, '--live');
    page.setHours(await market.hours());
    // The minutes stay as they are while they are compared.
    market.writer.kill('SIGTERM');
    await market.writer.ended;
  });

  for (const interval of INTERVALS) {
    test(`minutes heard one by one make the ${interval} bars of the ${calendar} market`, async () => {
      const [all, minutes, days] = [await bars(interval, 1000), await bars('1m', 5000), await bars('1d', 1000)];
      // From the middle of a day, so that the first bucket is made of minutes that are known and of others that are heard.
      const from = 2000 + 77;
      const known = minutes.slice(from - dayMinutes, from);
      const series = new page.Series(interval);
      series.renew(closedBefore(all, known.at(-1)), known, closedBefore(days, known.at(-1)));
      for (const minute of minutes.slice(from)) series.close(minute);
      assert.deepEqual(series.bars.slice(-all.length), all.slice(-series.bars.length));
      assert.ok(series.bars.length >= Math.min(all.length, 3), `${series.bars.length} bars`);
    });

    test(`ticks of the open minute stand in the last ${interval} bar of the ${calendar} market until the minute is closed`, async () => {
      const [all, minutes, days] = [await bars(interval, 2000), await bars('1m', dayMinutes), await bars('1d', 1000)];
      const last = minutes.at(-1);
      const series = new page.Series(interval);
      series.renew(closedBefore(all, last), minutes.slice(0, -1), closedBefore(days, last));
      for (const [at, price] of [last.open, last.high, last.low, last.close].entries()) {
        series.tick(last.time + 10 * at, price, at === 0 ? last.volume : 0);
      }
      series.settle();
      assert.deepEqual(series.bars, all);
      series.tick(last.time + 50, last.high + 1, 100);
      series.settle();
      assert.equal(series.last.high, Math.max(all.at(-1).high, last.high + 1));
      series.close(last);
      assert.deepEqual(series.bars, all);
      series.tick(last.time + 55, last.high + 1, 100);
      series.settle();
      assert.deepEqual(series.bars, all, 'a late tick of a closed minute changes nothing');
    });
  }

  test(`the market of the calendar ${calendar} is closed`, () => market?.close());
}
