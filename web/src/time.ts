/**
 * The market's wall time, and the bucket of a bar that is still open.
 *
 * Instants are Unix seconds. Closed bars carry the server's own times; only the bars of the present day are put into
 * buckets here, as minutes come in.
 */

export const INTERVALS = ['1m', '5m', '15m', '30m', '60m', '120m', '1d', '1w', '1M'] as const;
export type Interval = (typeof INTERVALS)[number];

export const MINUTE = 60;
const DAY = 86_400;
const DAY_MINUTES = DAY / MINUTE;
const NOON = DAY / 2;

/** A session of a regular day by the market's clocks, `HH:MM`. One that closes no later than it opens begins on the evening before. */
export interface ClockSession {
  open: string;
  close: string;
}

/** The hours of a market. */
export interface Hours {
  /** A name of the tz database. */
  zone: string;
  sessions: ClockSession[];
}

/** The first and the last minute of a session, counted from the beginning of the market's day. */
interface Session {
  first: number;
  last: number;
}

interface Rules {
  /** Seconds before midnight at which a day begins. */
  lead: number;
  sessions: Session[];
  fields: Intl.DateTimeFormat;
  shown: Record<'year' | 'month' | 'day' | 'minute' | 'second' | 'date', Intl.DateTimeFormat>;
}

function minuteOf(text: string): number {
  const [hour = 0, minute = 0] = text.split(':').map(Number);
  return hour * 60 + minute;
}

function rulesOf({ zone, sessions }: Hours): Rules {
  const spans = sessions.map(({ open, close }) => ({ open: minuteOf(open), close: minuteOf(close) }));
  const opens = spans[0]?.open ?? 0;
  // A day that goes on past midnight is named by the date in which it ends.
  const lead = spans.some(({ open, close }) => close <= open) ? (DAY_MINUTES - opens) % DAY_MINUTES : 0;
  const within = (minute: number) => (minute + lead) % DAY_MINUTES;
  const format = (options: Intl.DateTimeFormatOptions) => new Intl.DateTimeFormat('en-GB', { timeZone: zone, ...options });
  return {
    lead: lead * MINUTE,
    sessions: spans.map(({ open, close }) => ({ first: within(open), last: within(close + DAY_MINUTES - 1) })),
    fields: format({ year: 'numeric', month: 'numeric', day: 'numeric', hour: 'numeric', minute: 'numeric', hourCycle: 'h23' }),
    shown: {
      year: format({ year: 'numeric' }),
      month: format({ month: 'short' }),
      day: format({ day: 'numeric', month: 'short' }),
      minute: format({ hour: '2-digit', minute: '2-digit', hourCycle: 'h23' }),
      second: format({ hour: '2-digit', minute: '2-digit', second: '2-digit', hourCycle: 'h23' }),
      date: format({ weekday: 'short', day: 'numeric', month: 'short', year: 'numeric' }),
    },
  };
}

/** Until the server says which hours its market has. */
const EVERY_MINUTE: Hours = { zone: 'UTC', sessions: [{ open: '00:00', close: '00:00' }] };

let hours = EVERY_MINUTE;
let rules = rulesOf(hours);
const offsets = new Map<number, number>();

/** Goes by the hours of a market from now on. The server says them with its state. */
export function setHours(wanted: Hours): void {
  if (JSON.stringify(wanted) === JSON.stringify(hours)) return;
  hours = wanted;
  rules = rulesOf(hours);
  offsets.clear();
}

/** The place that the market's clocks are named after. */
export function place(): string {
  return hours.zone.split('/').at(-1)!.replaceAll('_', ' ');
}

/** The most minutes that a day has. */
export function minutesOfDay(): number {
  return rules.sessions.reduce((sum, { first, last }) => sum + last - first + 1, 0);
}

/**
 * Seconds that the market's clocks are ahead of UTC. Clocks are changed in the night before Sunday noon, while every market with such
 * clocks is closed, so a date of UTC has one offset where there is trade.
 */
function offset(time: number): number {
  const day = Math.floor(time / DAY);
  let known = offsets.get(day);
  if (known === undefined) {
    const at: Record<string, number> = {};
    for (const { type, value } of rules.fields.formatToParts((day * DAY + NOON) * 1000)) at[type] = Number(value);
    const wall = Date.UTC(at.year ?? 0, (at.month ?? 1) - 1, at.day, at.hour, at.minute) / 1000;
    known = wall - (day * DAY + NOON);
    offsets.set(day, known);
  }
  return known;
}

/** Seconds since 1970-01-01 by the market's clocks, as if its days began at midnight. */
function wall(time: number): number {
  return time + offset(time) + rules.lead;
}

/** Days since 1970-01-01 of the market's date. */
export function dayOf(time: number): number {
  return Math.floor(wall(time) / DAY);
}

function minuteOfDay(time: number): number {
  return Math.floor((wall(time) % DAY) / MINUTE);
}

/** The trading minute after another of a regular day, where the next day with trade is that of a later minute. */
export function nextMinute(time: number, later: number): number {
  const minute = minuteOfDay(time);
  const at = rules.sessions.findIndex(({ last }) => minute === last);
  if (at < 0) return time + MINUTE;
  const following = rules.sessions[at + 1];
  return following ? time + (following.first - minute) * MINUTE : startOf(later, '1d');
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
  const opens = rules.sessions[0]?.first ?? 0;
  if (length === undefined) return time - (minute - opens) * MINUTE;
  const session = rules.sessions.filter(({ first }) => first <= minute).at(-1)?.first ?? opens;
  return time - ((minute - session) % length) * MINUTE;
}

/** An instant by the market's clocks, as much of it as asked for. */
export function tell(time: number, what: keyof Rules['shown']): string {
  return rules.shown[what].format(time * 1000);
}

/** What the crosshair says of a bar's time. */
export function tellBar(time: number, interval: Interval): string {
  return minutesIn(interval) === undefined ? tell(time, 'date') : `${tell(time, 'date')} ${tell(time, 'minute')}`;
}
