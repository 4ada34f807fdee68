/** What the tests of bars take of the page, in one bundle. */

export { Series } from '../src/bars';
export { setHours } from '../src/time';
