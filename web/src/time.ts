/**
 * Shanghai wall time, and the bucket of a bar that is still open.
 *
 * Instants are Unix seconds. Closed bars carry the server's own times; only the bars of the present day are put into
 * buckets here, as minutes come in.
 */

export const INTERVALS = ['1m', '5m', '15m', '30m', '60m', '120m', '1d', '1w', '1M'] as const;
export type Interval = (typeof INTERVALS)[number];

export const MINUTE = 60;
const DAY = 86_400;
/** Wall-clock minutes at which the two sessions begin. */
const MORNING = 9 * 60 + 30;
const AFTERNOON = 13 * 60;
/** Wall-clock minutes at which they end. */
const NOON = 11 * 60 + 30;
const CLOSE = 15 * 60;

const zone = 'Asia/Shanghai';
const format = (options: Intl.DateTimeFormatOptions) => new Intl.DateTimeFormat('en-GB', { timeZone: zone, ...options });
const fields = format({ year: 'numeric', month: 'numeric', day: 'numeric', hour: 'numeric', minute: 'numeric', hourCycle: 'h23' });

const offsets = new Map<number, number>();

/** Seconds that Shanghai is ahead of UTC: 8 hours, but 9 in the summer of 1991. */
function offset(time: number): number {
  const day = Math.floor(time / DAY);
  let known = offsets.get(day);
  if (known === undefined) {
    const at: Record<string, number> = {};
    for (const { type, value } of fields.formatToParts(day * DAY * 1000 + 4 * 3_600_000)) at[type] = Number(value);
    const wall = Date.UTC(at.year ?? 0, (at.month ?? 1) - 1, at.day, at.hour, at.minute) / 1000;
    known = wall - (day * DAY + 4 * 3600);
    offsets.set(day, known);
  }
  return known;
}

/** Days since 1970-01-01 of the date in Shanghai. */
export function dayOf(time: number): number {
  return Math.floor((time + offset(time)) / DAY);
}

function minuteOfDay(time: number): number {
  return Math.floor(((time + offset(time)) % DAY) / MINUTE);
}

/** The trading minute after another, where the next day with trade is that of a later minute. */
export function nextMinute(time: number, later: number): number {
  const minute = minuteOfDay(time);
  if (minute === NOON - 1) return time + (AFTERNOON - minute) * MINUTE;
  return minute === CLOSE - 1 ? startOf(later, '1d') : time + MINUTE;
}

/** Minutes in an intraday interval; none for a day and longer. */
export function minutesIn(interval: Interval): number | undefined {
  return interval.endsWith('m') ? Number.parseInt(interval, 10) : undefined;
}

/** Names the bucket that a minute or a day falls into: equal within one interval for the bars of one bucket. */
export function bucketOf(time: number, interval: Interval): number {
  const day = dayOf(time);
  switch (interval) {
    case '1d':
      return day;
    case '1w':
      // 1970-01-01 was a Thursday; weeks begin on Monday.
      return Math.floor((day + 3) / 7);
    case '1M': {
      const date = new Date(day * DAY * 1000);
      return date.getUTCFullYear() * 12 + date.getUTCMonth();
    }
    default:
      return startOf(time, interval);
  }
}

/** The time that a bucket's bar has when a minute is the first one in it. */
export function startOf(time: number, interval: Interval): number {
  const minute = minuteOfDay(time);
  const length = minutesIn(interval);
  if (length === undefined) return time - (minute - MORNING) * MINUTE;
  const session = minute < AFTERNOON ? MORNING : AFTERNOON;
  return time - ((minute - session) % length) * MINUTE;
}

const shown = {
  year: format({ year: 'numeric' }),
  month: format({ month: 'short' }),
  day: format({ day: 'numeric', month: 'short' }),
  minute: format({ hour: '2-digit', minute: '2-digit', hourCycle: 'h23' }),
  second: format({ hour: '2-digit', minute: '2-digit', second: '2-digit', hourCycle: 'h23' }),
  date: format({ weekday: 'short', day: 'numeric', month: 'short', year: 'numeric' }),
};

/** An instant in Shanghai, as much of it as asked for. */
export function tell(time: number, what: keyof typeof shown): string {
  return shown[what].format(time * 1000);
}

/** What the crosshair says of a bar's time. */
export function tellBar(time: number, interval: Interval): string {
  return minutesIn(interval) === undefined ? tell(time, 'date') : `${tell(time, 'date')} ${tell(time, 'minute')}`;
}
