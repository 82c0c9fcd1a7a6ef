// A browser on somebody's device, and what a person does and sees there. The only file that depends on the page's
// structure: the data-test-* attributes, described in static-client/README.md.
import { artifact } from './artifacts.mjs';
import { rememberShown } from './shown.mjs';

const WIDE = { width: 1440, height: 900 };
const NARROW = { width: 390, height: 844 };
const LIMIT_MS = 20_000;

const quoted = (text) => JSON.stringify(text);

/** One device: its own cookies and storage, and one open page. */
export class Device {
  /** Ids of every message that was ever shown here. */
  shown = new Set();
  /** Errors in the page that no person would see. */
  troubles = [];

  static async open(browser, name, options = {}) {
    const device = new Device();
    device.name = name;
    device.context = await browser.newContext({ viewport: WIDE, ...options });
    device.context.setDefaultTimeout(LIMIT_MS);
    await device.context.grantPermissions(['clipboard-read', 'clipboard-write']);
    await rememberShown(device.context, device.shown);
    device.page = await device.context.newPage();
    device.#watch();
    return device;
  }

  /** Records script errors, refused resources, and requests to other hosts than the server. */
  #watch() {
    this.page.on('pageerror', (error) => this.troubles.push(`script error: ${error.stack}`));
    this.page.on('console', (message) => {
      // A refused or failed request is a response that the page handles.
      if (message.type() === 'error' && !/Failed to load resource|ERR_/.test(message.text())) {
        this.troubles.push(`console: ${message.text()}`);
      }
    });
    this.page.on('request', (request) => {
      const url = new URL(request.url());
      if (!['127.0.0.1', 'localhost'].includes(url.hostname) && url.protocol.startsWith('http')) {
        this.troubles.push(`request to ${url.origin}`);
      }
    });
  }

  async goTo(url) {
    await this.page.goto(url);
  }

  close() {
    return this.context.close();
  }

  #at(selector) {
    return this.page.locator(selector);
  }

  // Signing up and in

  async signUp(name, password) {
    const form = this.#at('[data-test-sign-up]');
    await form.locator('[data-test-name]').fill(name);
    await form.locator('[data-test-password]').fill(password);
    await form.locator('[data-test-submit]').click();
  }

  async signIn(origin, name, password) {
    await this.goTo(`${origin}/#/sign-in`);
    const form = this.#at('[data-test-sign-in]');
    await form.locator('[data-test-name]').fill(name);
    await form.locator('[data-test-password]').fill(password);
    await form.locator('[data-test-submit]').click();
  }

  /** Waits until the chat is displayed. */
  async chat() {
    await this.#at('[data-test-shell]').waitFor();
  }

  /** Waits for an error message, and returns it. */
  async error() {
    const error = this.#at('[data-test-error]').first();
    await error.waitFor();
    return (await error.innerText()).trim();
  }

  /** Returns the sentence at the top of the sign-up or sign-in card. */
  async lead() {
    return (await this.#at('[data-test-auth-lead]').innerText()).trim();
  }

  /** Waits until this browser is signed out, and returns why. */
  async signedOut() {
    await this.#at('[data-test-sign-in]').waitFor();
    return (await this.#at('[data-test-notice]').innerText()).trim();
  }

  // The account

  async openSettings(section) {
    await this.#at('[data-test-open-settings]').click();
    await this.#at(`[data-test-settings-link=${quoted(section)}]`).click();
    await this.#at(`[data-test-settings=${quoted(section)}]`).waitFor();
  }

  async changePassword(old, wanted) {
    const form = this.#at('[data-test-password-form]');
    await form.locator('#password-old').fill(old);
    await form.locator('#password-new').fill(wanted);
    await form.locator('#password-again').fill(wanted);
    await form.locator('[data-test-change-password]').click();
  }

  async passwordChanged() {
    await this.#at('[data-test-password-changed]').waitFor();
  }

  /** Waits for a field's error message, and returns it. */
  async fieldError(id) {
    const error = this.#at(`[data-test-field-error=${quoted(id)}]`);
    await error.waitFor();
    return (await error.innerText()).trim();
  }

  async endOtherSessions() {
    await this.#at('[data-test-end-sessions]').click();
    await this.#at('[data-test-sessions-ended]').waitFor();
  }

  /** Creates an invite and returns its link. */
  async invite() {
    await this.#at('[data-test-open-invite]').click();
    await this.#at('[data-test-make-invite]').click();
    const link = await this.#at('[data-test-copy-value="invite-link"]').inputValue();
    await this.#at('[data-test-dialog-close]').click();
    return link;
  }

  // Connecting servers

  /** On a fresh installation: creates a connector of a kind, and returns the command that starts it. */
  async connectServer(kind, url) {
    const form = this.#at('[data-test-connect-server]');
    await form.locator(`[data-test-connector-kind="${kind}"]`).check();
    await form.locator('[data-test-connector-url]').fill(url);
    await form.locator('[data-test-make-connector]').click();
    return form.locator('[data-test-copy-value="connector-command"]').inputValue();
  }

  /** Waits until the page shows that the server has registered. */
  async serverRegistered(id) {
    const state = this.#at('[data-test-connector-state]');
    await state.filter({ hasText: `${id} has registered.` }).waitFor();
  }

  async connectAnother() {
    await this.#at('[data-test-another-connector]').click();
  }

  // Networks and rooms

  #network(name) {
    return this.#at(name ? `[data-test-network=${quoted(name)}]` : '[data-test-network]').first();
  }

  /** Waits until a network (the first, without a name) is online. */
  async online(network) {
    const name = network ? `[data-test-network=${quoted(network)}]` : '[data-test-network]';
    const online = this.#at(`${name}[data-test-connection-state="online"]`).first();
    // On a phone it is in a drawer.
    await online.waitFor({ state: 'attached' });
  }

  /** Waits until the page shows that the server cannot be reached. */
  async disconnected() {
    await this.#at('[data-test-link-banner]').waitFor();
  }

  async connected() {
    await this.#at('[data-test-link-banner]').waitFor({ state: 'detached' });
  }

  /** Adds an IRC network through the dialog. */
  async addNetwork({ name, host, port, channels }) {
    await this.#at('[data-test-add-network]').click();
    const dialog = this.#at('dialog[open]');
    await dialog.locator('[data-test-custom-network]').click();
    await dialog.locator('[data-test-network-field="name"]').fill(name);
    await dialog.locator('[data-test-network-field="host"]').fill(host);
    await dialog.locator('[data-test-network-field="port"]').fill(String(port));
    await dialog.locator('[data-test-network-field="secure"]').uncheck();
    await dialog.locator('[data-test-network-field="channels"]').fill(channels);
    await dialog.locator('[data-test-submit]').click();
    await dialog.waitFor({ state: 'detached' });
  }

  #roomLink(room, network) {
    return this.#network(network).locator(`[data-test-room-link=${quoted(room)}]`);
  }

  /** Opens a room from the sidebar. */
  async open(room, network) {
    await this.#roomLink(room, network).click();
    await this.inRoom(room);
  }

  async inRoom(room) {
    await this.#at(`[data-test-room=${quoted(room)}]`).waitFor();
  }

  /** Returns the number of unread messages or mentions that the sidebar shows for a room. */
  async unread(room, network) {
    const badge = this.#roomLink(room, network).locator('[data-test-unread], [data-test-mentions]');
    await badge.waitFor();
    return Number.parseInt(await badge.innerText(), 10);
  }

  /** Waits for a person in the open room's member list, as present or as away. */
  async member(nick, { away = false, limitMs = LIMIT_MS } = {}) {
    const state = `[data-test-away="${away ? 'yes' : 'no'}"]`;
    await this.#at(`[data-test-member=${quoted(nick)}]${state}`).waitFor({
      state: 'attached',
      timeout: limitMs,
    });
  }

  async noMember(nick) {
    const member = this.#at(`[data-test-member=${quoted(nick)}]`);
    await member.waitFor({ state: 'detached' });
  }

  /** Chooses something in the menu of the open room. */
  async choose(item) {
    await this.#at('[data-test-room-menu]').click();
    await this.#at(`[data-test-menu=${quoted(item)}]`).click();
  }

  // Webhooks

  /** Creates a webhook for the open channel; returns its address and secret, with its page still open. */
  async makeWebhook({ source, name }) {
    await this.choose('webhooks');
    const dialog = this.#at('dialog[open]');
    await dialog.locator('[data-test-new-hook]').click();
    await dialog.locator('[data-test-hook-source]').selectOption(source);
    await dialog.locator('[data-test-hook-name]').fill(name);
    await dialog.locator('[data-test-submit]').click();
    await dialog.locator('[data-test-no-deliveries]').waitFor();
    const value = (id) => dialog.locator(`[data-test-copy-value=${quoted(id)}]`).inputValue();
    return { url: await value('hook-url'), secret: await value('hook-secret') };
  }

  /** Opens a webhook of the open channel; returns the outcomes of its deliveries, the latest first. */
  async webhookOutcomes(name) {
    await this.choose('webhooks');
    const hook = this.#at('[data-test-hooks] li').filter({ hasText: name });
    await hook.locator('[data-test-open-hook]').click();
    await this.#at('[data-test-delivery-of-hook]').first().waitFor();
    const outcomes = await this.#at('[data-test-outcome]').all();
    return Promise.all(outcomes.map((outcome) => outcome.getAttribute('data-test-outcome')));
  }

  async closeDialog() {
    await this.#at('[data-test-dialog-close]').click();
    await this.#at('dialog[open]').waitFor({ state: 'detached' });
  }

  // Talking

  /** Types a text (or a command) and sends it. */
  async say(text) {
    const composer = this.#at('[data-test-composer]');
    await composer.fill(text);
    await composer.press('Enter');
  }

  #message(text) {
    return this.#at('[data-test-message]').filter({ hasText: text });
  }

  /** Waits for a message in the open room; with `from`, for one by that person. */
  async reads(text, from) {
    const message = this.#message(text).last();
    await message.waitFor();
    if (from) {
      const by = await message.getAttribute('data-test-from');
      if (by !== from) throw new Error(`"${text}" is shown as said by ${by}, not ${from}`);
    }
  }

  /** Waits until an own message has been accepted. */
  async accepted(text) {
    const selector = '[data-test-message][data-test-delivery="confirmed"]';
    await this.#at(selector).filter({ hasText: text }).last().waitFor();
  }

  /** Returns the texts of the messages in the open room, in order. */
  async texts() {
    return this.#at('[data-test-message] [data-test-text]').allInnerTexts();
  }

  /** Waits for a sentence below the composer that matches, and returns it. */
  async hint(pattern) {
    const hint = this.#at('[data-test-composer-hint]').filter({ hasText: pattern });
    await hint.waitFor();
    return (await hint.innerText()).trim();
  }

  /** Returns the unsent text. */
  async draft() {
    return this.#at('[data-test-composer]').inputValue();
  }

  /** Waits until sending has failed, wherever that is shown, and returns why. */
  async trouble(pattern) {
    const places =
      '[data-test-event="error"] [data-test-text], [data-test-failure], [data-test-composer-hint]';
    // Found and read in one step: the hint goes when something else happens.
    const read = ([places, source, flags]) => {
      const texts = [...document.querySelectorAll(places)].map((found) => found.innerText.trim());
      return texts.find((text) => new RegExp(source, flags).test(text));
    };
    const found = await this.page.waitForFunction(read, [places, pattern.source, pattern.flags]);
    return found.jsonValue();
  }

  // Pictures

  /** Takes pictures as artifacts: wide and narrow, light and dark. */
  async pictures(name) {
    for (const [width, size] of Object.entries({ wide: WIDE, narrow: NARROW })) {
      await this.page.setViewportSize(size);
      for (const colorScheme of ['light', 'dark']) {
        await this.page.emulateMedia({ colorScheme });
        await this.picture(`${name}-${width}-${colorScheme}`);
      }
    }
    await this.page.emulateMedia({ colorScheme: null });
    await this.page.setViewportSize(WIDE);
  }

  async picture(name) {
    const path = artifact(`pictures/${name}.png`);
    await this.page.screenshot({ path, animations: 'disabled' });
  }
}
