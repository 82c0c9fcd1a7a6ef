// What people see and do first, on a desktop and on a phone, in the light and the dark theme: measured where possible,
// and as pictures in artifacts/ for inspection.
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';

import { startBrowser } from '../harness/browser.mjs';
import { fakeDevices, startCall } from '../harness/call.mjs';
import { Device } from '../harness/device.mjs';
import { measured, startMeasuring } from '../harness/measure.mjs';
import { PlainIrc } from '../harness/plain-irc.mjs';
import { freePort } from '../harness/ports.mjs';
import { Subspace } from '../harness/subspace.mjs';

const PASSWORD = 'correct horse battery';
const GENERAL = '#general';
const COMPOSER = '[data-test-composer]';
const SIZES = {
  desk: { viewport: { width: 1440, height: 900 } },
  phone: { viewport: { width: 390, height: 844 }, hasTouch: true, isMobile: true },
};
/** The acceptable layout shift while a page loads, by the browser vendors' metric. */
const GOOD_SHIFT = 0.1;

let browser, server, alice, crowd;

before(async () => {
  browser = await startBrowser(fakeDevices());
  server = await new Subspace('pictures').start();
  alice = await Device.open(browser, 'pictures-alice');
  await alice.goTo(await server.setUpLink());
  await alice.signUp('alice', PASSWORD);
  await alice.chat();
  await alice.online();
  await alice.inRoom(GENERAL);
  crowd = await new PlainIrc('crowd').connect(server.ircPort);
  await crowd.join(GENERAL);
  for (let n = 0; n < 20; n++) crowd.say(GENERAL, `line ${n}: see https://example.test/${n}`);
  crowd.say(GENERAL, 'alice: this is for you');
  crowd.send(`NOTICE ${GENERAL} :CI: build 431 passed`);
  await alice.reads('CI: build 431 passed', 'crowd');
});

after(async () => {
  crowd?.stop();
  await browser?.close();
  await server?.stop();
});

/** Signs alice in on another device. */
async function on(name, options = {}) {
  const device = await Device.open(browser, `pictures-${name}`, options);
  await device.signIn(server.origin, 'alice', PASSWORD);
  await device.chat();
  await device.online();
  await device.page.locator(`[data-test-room="${GENERAL}"]`).waitFor();
  await device.reads('CI: build 431 passed', 'crowd');
  return device;
}

/** The box of a selector's element, which must be entirely visible. */
async function whole(page, selector) {
  const box = await page.locator(selector).boundingBox();
  const { width, height } = page.viewportSize();
  assert.ok(box, `${selector} is not shown`);
  assert.ok(
    box.x >= 0 && box.y >= 0 && box.x + box.width <= width && box.y + box.height <= height,
    `${selector} is cut: ${JSON.stringify(box)} of ${width} × ${height}`,
  );
  return box;
}

/** A computed style of a selector's element. */
const style = (page, selector, name) =>
  page
    .locator(selector)
    .first()
    .evaluate((element, name) => getComputedStyle(element)[name], name);

for (const [size, options] of Object.entries(SIZES)) {
  for (const colorScheme of ['light', 'dark']) {
    test(`a channel, a call and a network: ${size}, ${colorScheme}`, async () => {
      const device = await on(`${size}-${colorScheme}`, { ...options, colorScheme });
      const { page } = device;
      const picture = (name) => device.picture(`pictures-${name}-${size}-${colorScheme}`);
      const narrow = size === 'phone';

      // The current place, and the kind of each message.
      assert.equal(
        await page.locator(`[data-test-room-link="${GENERAL}"]`).getAttribute('aria-current'),
        'page',
      );
      const notice = '[data-test-message][data-test-kind="notice"]';
      const mention = '[data-test-message]:has-text("alice: this is for you")';
      const none = 'rgba(0, 0, 0, 0)';
      assert.equal(await style(page, notice, 'backgroundColor'), none, 'a notice is no mention');
      assert.notEqual(await style(page, mention, 'backgroundColor'), none);
      assert.equal(await style(page, notice, 'borderTopLeftRadius'), '0px');
      await picture('channel');

      // The composer grows, and stays on the page.
      const single = await whole(page, COMPOSER);
      await page.locator(COMPOSER).fill('one\ntwo\nthree\nfour\nfive');
      const five = await whole(page, COMPOSER);
      assert.ok(five.height >= single.height + 80, `${single.height}, then ${five.height}`);
      await whole(page, '[data-test-send]');
      await picture('composer');
      await page.locator(COMPOSER).fill('');

      // Every action on a channel is within reach.
      await page.locator('[data-test-room-menu]').click();
      for (const item of ['call', 'topic', 'mute', 'webhooks', 'mail', 'leave']) {
        const box = await whole(page, `[data-test-menu="${item}"]`);
        assert.ok(box.height >= (narrow ? 44 : 36), `${item} is ${box.height} px high`);
      }
      await picture('menu');
      await page.keyboard.press('Escape');

      // In a call there is still a composer.
      if (narrow) {
        await device.choose('call');
        await page.locator('[data-test-dialog="call"] [data-test-submit]').click();
        await page.locator('[data-test-call-lobby]').waitFor();
      } else await startCall(device);
      await page.locator('[data-test-call-join]').click();
      await page.locator('[data-test-call-to-chat]').click();
      await page.locator('[data-test-call-bar]').waitFor();
      await device.inRoom(GENERAL);
      await whole(page, '[data-test-call-bar]');
      await whole(page, COMPOSER);
      await whole(page, '[data-test-send]');
      await picture('call-bar');
      await page.locator('[data-test-call-bar] .danger').click();

      // No gap in the sidebar.
      if (narrow) await page.locator('[data-test-open-navigation]').click();
      const before = await page.locator('[data-test-room-link]').first().boundingBox();
      assert.ok(before.height <= 48, `${before.height} px`);
      await page.locator('[data-test-open-settings]').click();
      await page.locator('[data-test-settings-link="connectors"]').click();
      const cards = page.locator('.radio-cards label');
      await cards.first().waitFor();
      const field = await page.locator('.radio-cards').boundingBox();
      const last = await cards.last().boundingBox();
      assert.ok(
        field.y + field.height - last.y - last.height < 8,
        'no hole below the kinds of connectors',
      );
      await picture('connectors');
      await device.close();
    });
  }

  test(`nothing moves while the page loads: ${size}`, async () => {
    const device = await on(`load-${size}`, options);
    const { page } = device;
    await page.addInitScript(startMeasuring);
    await page.reload();
    await device.online();
    await device.reads('CI: build 431 passed', 'crowd');
    await page.locator('[data-test-skeleton]').waitFor({ state: 'detached' });
    const { shift, shifts } = await page.evaluate(measured);
    assert.ok(shift < GOOD_SHIFT, `${shift}: ${JSON.stringify(shifts)}`);
    await device.close();
  });
}

for (const [size, options] of Object.entries(SIZES)) {
  test(`a channel that one is not in stands among the others like any of them: ${size}`, async () => {
    const device = await on(`unjoined-${size}`, options);
    const { page } = device;
    const here = page.url();
    const there = here.replace(encodeURIComponent(GENERAL), encodeURIComponent('#elsewhere'));
    assert.notEqual(there, here);
    await device.goTo(there);
    await device.inRoom('#elsewhere');
    await whole(page, '[data-test-outside]');
    await whole(page, COMPOSER);
    // Seen from another one: the current place looks different.
    await device.goTo(here);
    await device.inRoom(GENERAL);
    if (size === 'phone') await page.locator('[data-test-open-navigation]').click();
    const link = '[data-test-room-link="#elsewhere"]';
    await page.locator(`${link}.outside`).waitFor();
    const joined = await page.locator(`[data-test-room-link="${GENERAL}"]`).boundingBox();
    const unjoined = await page.locator(link).boundingBox();
    assert.ok(unjoined.height <= 48, `${unjoined.height} px`);
    assert.deepEqual([unjoined.width, unjoined.height], [joined.width, joined.height]);
    assert.equal(await style(page, link, 'backgroundColor'), 'rgba(0, 0, 0, 0)');
    assert.equal(await style(page, link, 'marginBottom'), '0px');
    await device.picture(`pictures-unjoined-${size}`);
    await device.close();
  });
}

test('on a telephone Back closes the drawer and the dialog, and stays in the channel', async () => {
  const device = await on('back', SIZES.phone);
  const { page } = device;
  const here = page.url();
  await page.locator('[data-test-open-navigation]').click();
  await page.locator('[data-test-scrim]').waitFor();
  await page.goBack();
  await page.locator('[data-test-scrim]').waitFor({ state: 'detached' });
  assert.equal(page.url(), here);
  await device.choose('topic');
  await page.locator('[data-test-dialog="topic"]').waitFor();
  await page.goBack();
  await page.locator('[data-test-dialog="topic"]').waitFor({ state: 'detached' });
  assert.equal(page.url(), here);
  // A page opened from the drawer is one step back, not two.
  await page.locator('[data-test-open-navigation]').click();
  await page.locator('[data-test-network-link]').click();
  await page.locator('[data-test-network-card]').waitFor();
  await page.goBack();
  await device.inRoom(GENERAL);
  assert.equal(page.url(), here);
  await device.close();
});

test('a channel is left by its menu, the slip is undone, and everything is there again', async () => {
  const device = await on('leave', SIZES.phone);
  const { page } = device;
  await device.choose('leave');
  await page.locator('[data-test-toast]').waitFor();
  await device.picture('pictures-left');
  await page.locator('[data-test-undo]').click();
  await device.inRoom(GENERAL);
  await device.reads('alice: this is for you', 'crowd');
  const beginning = page.locator('[data-test-beginning]');
  await beginning.waitFor({ state: 'attached' });
  assert.match(await beginning.innerText(), /as far back as your history of #general goes/);
  await device.member('crowd');
  await device.close();
});

test('a page that is gone to while a dialog is closed stays, in either order', async () => {
  const device = await on('orders');
  const { page } = device;
  const here = page.url();
  for (const order of ['close first', 'go first']) {
    await page.locator('[data-test-open-switcher]').click();
    await page.locator('[data-test-switcher-input]').waitFor();
    await page.evaluate((order) => {
      const close = () => document.querySelector('[data-test-dialog-close]').click();
      const go = () => document.querySelector('[data-test-network-link]').click();
      if (order === 'go first') {
        go();
        close();
        return;
      }
      // The very moment in which the browser removes the dialog's history entry.
      const back = history.back.bind(history);
      history.back = () => {
        delete history.back;
        back();
        go();
      };
      close();
    }, order);
    await page.locator('[data-test-network-card]').waitFor();
    await page.locator('dialog[open]').waitFor({ state: 'detached' });
    // One step back leads to the previous place: nothing was undone, and nothing is left of the dialog.
    await page.goBack();
    await device.inRoom(GENERAL);
    assert.equal(page.url(), here, order);
  }
  await device.close();
});

test('with forced colours one sees where one is', async () => {
  const device = await on('forced', { forcedColors: 'active' });
  const { page } = device;
  const outlined = async (selector) => {
    await page.locator(selector).first().waitFor();
    assert.notEqual(await style(page, selector, 'outlineStyle'), 'none', selector);
  };
  await outlined('.room-link.active');
  for (const marked of ['.message.mention', '.message.notice .message-body']) {
    assert.equal(await style(page, marked, 'borderInlineStartStyle'), 'solid', marked);
    assert.notEqual(await style(page, marked, 'borderInlineStartWidth'), '0px', marked);
  }
  await device.picture('pictures-forced-channel');
  await page.locator('[data-test-open-switcher]').click();
  await outlined('.list-item[aria-selected="true"]');
  await device.picture('pictures-forced-switcher');
  await device.closeDialog();
  await page.locator('[data-test-open-settings]').click();
  await outlined('.tab.active');
  await outlined('.theme:has(:checked)');
  await device.picture('pictures-forced-settings');
  await device.close();
});

test('the switcher finds people and channels that are not open', async () => {
  crowd.send('JOIN #harbour');
  await crowd.heard(/ 366 crowd #harbour /);
  const { page } = alice;
  await page.locator('[data-test-open-switcher]').click();
  await page.locator('[data-test-switcher-input]').fill('harb');
  await page.locator('[data-test-choice="#harbour"]').waitFor();
  await page.locator('[data-test-switcher-input]').fill('crow');
  await page.locator('[data-test-choice="crowd"]').waitFor();
  await alice.picture('pictures-switcher');
  await page.locator('[data-test-switcher-input]').fill('harb');
  await page.locator('[data-test-choice="#harbour"]').click();
  await alice.inRoom('#harbour');
  await alice.member('crowd');
  await alice.open(GENERAL);
});

test("the server's own network cannot be changed or removed", async () => {
  const { page } = alice;
  await page.locator('[data-test-edit-network]').first().click();
  await page.locator('[data-test-network-managed]').waitFor();
  assert.equal(await page.locator('[data-test-remove-network]').count(), 0);
  await alice.picture('pictures-managed');
  await alice.closeDialog();
});

test('a network that cannot be reached says so on its page', async () => {
  const port = await freePort();
  await alice.addNetwork({ name: 'Nowhere', host: '127.0.0.1', port, channels: '#x' });
  const { page } = alice;
  await page.locator('[data-test-network-card="offline"]').waitFor();
  const trouble = await page.locator('[data-test-network-trouble]').innerText();
  assert.match(trouble, /\S+ \S+/);
  await alice.picture('pictures-unreachable');
  await page.locator('[data-test-reconnect]').click();
  await alice.open(GENERAL);
});

test('a new room leaves nothing in the console', async () => {
  const device = await on('console');
  const refused = [];
  device.page.on('console', (message) => {
    const { url } = message.location();
    if (message.type() === 'error') refused.push(`${message.text()} ${url}`);
  });
  await device.say('/join #brand-new');
  await device.inRoom('#brand-new');
  await device.say('Is anybody here?');
  await device.accepted('Is anybody here?');
  await device.say('/msg crowd hello');
  await device.accepted('hello');
  await device.page.waitForResponse((response) => response.url().includes('/subspace/'));
  await device.page.reload();
  await device.online();
  await device.reads('hello', 'alice');
  assert.deepEqual(refused, []);
  assert.deepEqual(device.troubles, []);
  await device.close();
});

test('no page had an error', () => {
  assert.deepEqual(alice.troubles, []);
});
