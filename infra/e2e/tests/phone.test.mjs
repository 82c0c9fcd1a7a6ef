// What a telephone's button Back does, with the browser's own history, and the way to what is new on a narrow screen.
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';

import { accessible } from '../harness/axe.mjs';
import { startBrowser } from '../harness/browser.mjs';
import { Device } from '../harness/device.mjs';
import { PlainIrc } from '../harness/plain-irc.mjs';
import { Subspace } from '../harness/subspace.mjs';

const GENERAL = '#general';
const MENU = '[role="menu"]';

let browser, server, alice, page, bob;

before(async () => {
  browser = await startBrowser();
  server = await new Subspace('phone').start();
  const narrow = { viewport: { width: 390, height: 844 }, hasTouch: true, isMobile: true };
  alice = await Device.open(browser, 'phone-alice', narrow);
  page = alice.page;
  await alice.goTo(await server.setUpLink());
  await alice.signUp('alice', 'correct horse battery');
  await alice.chat();
  await alice.online();
  bob = await new PlainIrc('bob').connect(server.ircPort);
  await bob.join(GENERAL);
});

after(async () => {
  bob?.stop();
  await browser?.close();
  await server?.stop();
});

const shown = (selector) => page.locator(selector).waitFor();
const gone = (selector) => page.locator(selector).waitFor({ state: 'detached' });
const place = () => new URL(page.url()).hash || new URL(page.url()).pathname;

/** The button Back of the telephone, which a page cannot tell from the browser's. */
const back = () => page.evaluate(() => history.back());

test('Back closes what is open, and the page stays', async () => {
  await shown(`[data-test-room="${GENERAL}"]`);
  const here = place();
  const open = [
    ['[data-test-room-menu]', MENU],
    ['[data-test-open-navigation]', '[data-test-scrim]'],
    ['[data-test-toggle-members]', '[data-test-scrim]'],
    ['[data-test-topic]', '[data-test-dialog="topic"]'],
  ];
  for (const [button, thing] of open) {
    await page.locator(button).first().tap();
    await shown(thing);
    await back();
    await gone(thing);
    assert.equal(place(), here, thing);
  }
  // A dialog that is opened from the menu has its place.
  await page.locator('[data-test-room-menu]').tap();
  await page.locator('[data-test-menu="topic"]').tap();
  await shown('[data-test-dialog="topic"]');
  await back();
  await gone('[data-test-dialog]');
  assert.equal(place(), here);
});

test('what is closed by hand leaves nothing that Back has to pass', async () => {
  const here = place();
  await page.locator('[data-test-open-navigation]').tap();
  await page.locator('[data-test-open-settings]').tap();
  await shown('[data-test-settings]');
  const there = place();
  await page.locator('[data-test-close-settings]').tap();
  await shown(`[data-test-room="${GENERAL}"]`);
  await page.locator('[data-test-room-menu]').tap();
  await shown(MENU);
  await page.locator('[data-test-timeline]').tap();
  await gone(MENU);
  await page.waitForFunction(() => !history.state?.layer);
  await back();
  await shown('[data-test-settings]');
  assert.equal(place(), there);
  assert.notEqual(here, there);
  await page.locator('[data-test-close-settings]').tap();
  await shown(`[data-test-room="${GENERAL}"]`);
});

test('a menu stays open behind a change of the page that leaves it', async () => {
  await page.locator('[data-test-room-menu]').tap();
  await shown(MENU);
  const here = place();
  // Another way to write the same room.
  const other = here.replace('general', 'GENERAL');
  await page.evaluate(
    ([from, to]) => {
      location.hash = location.hash.replace(from, to);
    },
    [here, other],
  );
  await page.waitForFunction((to) => location.href.endsWith(to), other);
  await page.waitForFunction(() => Boolean(history.state?.layer));
  assert.ok(await page.locator(MENU).isVisible());
  await back();
  await gone(MENU);
  assert.equal(place(), other);
});

test('on a narrow screen a bar leads to what is new', async () => {
  await page.locator('[data-test-open-navigation]').tap();
  await page.locator('[data-test-open-settings]').tap();
  await shown('[data-test-settings]');
  for (let line = 0; line < 150; line++) bob.say(GENERAL, `line ${line} of bob`);
  await page.locator('[data-test-open-navigation]').tap();
  await page
    .locator(`[data-test-room-link="${GENERAL}"] [data-test-unread]`, { hasText: '150' })
    .waitFor();
  await page.locator(`[data-test-room-link="${GENERAL}"]`).tap();
  await alice.reads('line 149 of bob', 'bob');
  await shown('[data-test-new-bar]');
  await accessible(page, 'the way to what is new');
  const { x, width } = await page.locator('[data-test-new-bar]').boundingBox();
  assert.ok(x >= 0 && x + width <= 390, `${x} and ${width} px`);
  await alice.picture('phone-new');
  await page.locator('[data-test-to-new]').tap();
  await page.locator('[data-test-divider]').waitFor();
  await gone('[data-test-new-bar]');
  const seen = await page.locator('[data-test-divider]').boundingBox();
  assert.ok(seen.y > 58 && seen.y < 844, `${seen.y} px`);
  assert.ok(await page.getByText('line 0 of bob', { exact: true }).isVisible());
});
