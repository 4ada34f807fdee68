/**
 * A series of bars whose last ones are still being made.
 *
 * Closed bars come from the server. The bars of the present day are the sums of its minutes: those that are closed as
 * the server told them, and the open one as its ticks go.
 */

import { bucketOf, dayOf, MINUTE, nextMinute, startOf, type Interval } from './time';

/** Time is the bar's start in Unix seconds, volume is in shares. */
export interface Bar {
  time: number;
  open: number;
  high: number;
  low: number;
  close: number;
  volume: number;
}

/** The most bars kept: at the limit nothing older is loaded, and live bars push the oldest out. */
export const BARS_MAX = 50_000;
/** Bars let go of at once, so that it is done seldom. */
const BARS_SPARE = 1_000;

function add(to: Bar, part: Bar): void {
  to.high = Math.max(to.high, part.high);
  to.low = Math.min(to.low, part.low);
  to.close = part.close;
  to.volume += part.volume;
}

export class Series {
  /** Ascending by time. */
  bars: Bar[] = [];
  /** The first bar that changed since `clean` was called; none when nothing did. */
  dirty = Infinity;
  /** Whether the bars are others altogether, so that indices mean nothing. */
  replaced = true;

  /** Closed minutes of the present day. */
  private minutes: Bar[] = [];
  /** Days before it in the same month, for weeks and months. */
  private days: Bar[] = [];
  private open: Bar | undefined;

  constructor(readonly interval: Interval) {}

  get first(): Bar | undefined {
    return this.bars[0];
  }

  get last(): Bar | undefined {
    return this.bars.at(-1);
  }

  clean(): void {
    this.dirty = Infinity;
    this.replaced = false;
  }

  /** Takes the newest bars, minutes and days of the server; keeps the older bars that it has when these join on. */
  renew(bars: Bar[], minutes: Bar[], days: Bar[]): void {
    const from = bars[0]?.time ?? Infinity;
    const joins = this.last !== undefined && this.last.time >= from;
    this.bars = joins ? [...this.bars.filter((bar) => bar.time < from), ...bars] : bars;
    const newest = minutes.at(-1);
    // The server may answer with a page that is a moment old.
    const later = this.minutes.filter((bar) => bar.time > (newest?.time ?? Infinity));
    this.minutes = newest ? minutes.filter((bar) => dayOf(bar.time) === dayOf(newest.time)) : [];
    this.days = newest ? days.filter((bar) => dayOf(bar.time) < dayOf(newest.time)) : [];
    // Its first ticks may have been missed.
    this.open = undefined;
    for (let at = 0; at < this.minutes.length; at++) {
      if (bucketOf(this.minutes[at]!.time, this.interval) !== bucketOf(this.minutes[at + 1]?.time ?? 0, this.interval)) this.fold(at + 1);
    }
    for (const minute of later) this.close(minute);
    this.replaced = true;
  }

  /** Puts older bars in front. */
  prepend(older: Bar[]): void {
    const before = this.first?.time ?? Infinity;
    this.bars = [...older.filter((bar) => bar.time < before), ...this.bars];
    this.replaced = true;
  }

  /** A trade at an instant in Unix seconds. */
  tick(time: number, price: number, volume: number): void {
    const minute = time - (time % MINUTE);
    if (minute <= (this.minutes.at(-1)?.time ?? 0)) return;
    if (this.open?.time !== minute) this.open = { time: minute, open: price, high: price, low: price, close: price, volume: 0 };
    add(this.open, { time: minute, open: price, high: price, low: price, close: price, volume });
  }

  /** Whether trading minutes lie between the newest closed minute and another: bars of them were missed, or there were none. */
  isAfterGap(minute: Bar): boolean {
    const newest = this.minutes.at(-1);
    return newest !== undefined && minute.time > newest.time && minute.time !== nextMinute(newest.time, minute.time);
  }

  /** A minute has closed. */
  close(minute: Bar): void {
    const newest = this.minutes.at(-1);
    if (newest && minute.time <= newest.time) {
      const at = this.minutes.findIndex((bar) => bar.time === minute.time);
      if (at >= 0) this.minutes[at] = minute;
      // A correction of an earlier bucket waits for the next renewal.
      if (bucketOf(minute.time, this.interval) === bucketOf(newest.time, this.interval)) this.fold(this.minutes.length);
      return;
    }
    if (newest && dayOf(newest.time) !== dayOf(minute.time)) {
      const day = { ...this.minutes[0]!, time: startOf(newest.time, '1d') };
      for (const part of this.minutes.slice(1)) add(day, part);
      this.days.push(day);
      this.minutes = [];
    }
    this.minutes.push(minute);
    if (this.open && this.open.time <= minute.time) this.open = undefined;
    this.fold(this.minutes.length);
  }

  /** Puts the ticks of the open minute into the last bar; called before the bars are shown. */
  settle(): void {
    if (this.open) this.fold(this.minutes.length, this.open);
  }

  /** Makes the bar of the last bucket among the first `count` minutes and the open one. */
  private fold(count: number, open?: Bar): void {
    const newest = open ?? this.minutes[count - 1];
    if (!newest) return;
    const bucket = bucketOf(newest.time, this.interval);
    const belongs = (bar: Bar) => bucketOf(bar.time, this.interval) === bucket;
    const parts = [...this.days, ...this.minutes.slice(0, count), ...(open ? [open] : [])].filter(belongs);
    const bar = { ...parts[0]!, time: startOf(parts[0]!.time, this.interval) };
    for (const part of parts.slice(1)) add(bar, part);
    this.put(bar, bucket);
  }

  private put(bar: Bar, bucket: number): void {
    let at = this.bars.length;
    while (at > 0 && this.bars[at - 1]!.time > bar.time) at--;
    const before = this.bars[at - 1];
    if (before && bucketOf(before.time, this.interval) === bucket) {
      // The server names weeks and months by the calendar's first trading day, even when the stock began later.
      this.bars[at - 1] = { ...bar, time: before.time };
      this.dirty = Math.min(this.dirty, at - 1);
    } else {
      this.bars.splice(at, 0, bar);
      this.dirty = Math.min(this.dirty, at);
    }
    if (this.bars.length > BARS_MAX + BARS_SPARE) {
      this.bars.splice(0, this.bars.length - BARS_MAX);
      this.replaced = true;
    }
  }
}
