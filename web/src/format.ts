/** How numbers are written. */

const minus = '−';
const compact = new Intl.NumberFormat('en', { notation: 'compact', maximumFractionDigits: 2 });
const exact = new Intl.NumberFormat('en', { minimumFractionDigits: 2, maximumFractionDigits: 2 });

export function price(value: number | null): string {
  return value === null ? '–' : exact.format(value);
}

/** A change in currency units, with its sign. */
export function difference(value: number): string {
  return `${Number(value.toFixed(2)) < 0 ? minus : '+'}${exact.format(Math.abs(value))}`;
}

/** A change in percent, with its sign. */
export function change(percent: number | null): string {
  return percent === null ? '' : `${difference(percent)}%`;
}

export function volume(shares: number): string {
  return compact.format(shares);
}

/** Whether a change is for the better, for colours. */
export function tone(value: number | null): 'up' | 'down' | 'flat' {
  const shown = Number((value ?? 0).toFixed(2));
  return shown > 0 ? 'up' : shown < 0 ? 'down' : 'flat';
}
