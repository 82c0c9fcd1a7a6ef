// A call, from its participants' point of view.
import assert from 'node:assert/strict';

import { until } from './until.mjs';

/** How long a connection between two people may take, in ms. */
export const PATIENCE = 30_000;

/** Flags of Chromium: fake devices, without a permission prompt. */
export const fakeDevices = (cameras = 'device-count=3') => [
  `--use-fake-device-for-media-stream=${cameras}`,
  '--use-fake-ui-for-media-stream',
  '--autoplay-policy=no-user-gesture-required',
];

/** Starts a call that guests may join in the open channel; returns its link. */
export async function startCall({ page }) {
  await page.locator('[data-test-start-call]').click();
  await page.locator('[data-test-call-guests]').check();
  await page.locator('[data-test-dialog="call"] [data-test-submit]').click();
  await page.locator('[data-test-call-lobby]').waitFor();
  return page.url();
}

/** Opens the page of a call, and waits until the devices are ready; on a busy machine Chromium's take a while. */
export async function lobby({ page }, link) {
  await page.goto(link);
  await page.locator('[data-test-call-lobby]').waitFor();
  await page.locator('[data-test-call-camera="on"]').waitFor({ timeout: PATIENCE * 2 });
}

/** Joins from the lobby; as a guest with a name, and optionally only through the relay. */
export async function enter({ page }, { name, relay = true } = {}) {
  if (name) await page.locator('[data-test-call-name]').fill(name);
  await page.locator('[data-test-call-relay]').setChecked(relay);
  await page.locator('[data-test-call-join]').click();
}

/** Opens the page of a call and joins. */
export async function join(device, link, options) {
  await lobby(device, link);
  await enter(device, options);
  await device.page.locator('[data-test-call]').waitFor();
}

/** Another participant's picture. */
export const person = (device, name) => device.page.locator(`[data-test-call-person="${name}"]`);

/** How many `frames` or packets of `audio` have arrived from a participant. */
export const count = async (device, name, what) =>
  Number(await person(device, name).getAttribute(`data-test-call-${what}`));

/** What has arrived from everyone else, according to the page; and the size of their pictures. */
export const received = ({ page }) =>
  page.locator('[data-test-call-person]').evaluateAll((tiles) =>
    tiles.map((tile) => {
      const of = (what) => tile.getAttribute(`data-test-call-${what}`);
      const video = tile.querySelector('video');
      return {
        name: of('person'),
        state: of('state'),
        path: of('path'),
        frames: Number(of('frames')),
        audio: Number(of('audio')),
        width: video?.videoWidth ?? 0,
        height: video?.videoHeight ?? 0,
      };
    }),
  );

/** Waits until the connection with a participant is in a state. */
export const state = (device, name, wanted) =>
  device.page
    .locator(`[data-test-call-person="${name}"][data-test-call-state="${wanted}"]`)
    .waitFor({ timeout: PATIENCE * 2 });

/** Waits until `more` frames or packets of a participant have arrived. */
export async function arrives(device, name, what, more = 20) {
  const before = await count(device, name, what);
  await until(
    `${what} of ${name} at ${device.name}`,
    async () => (await count(device, name, what)) > before + more,
    PATIENCE,
  );
}

/** Video and sound of `name` arrive at `device`, and keep arriving; through the relay unless stated otherwise. */
export async function receives(device, name, { path = 'relay', what = ['frames', 'audio'] } = {}) {
  await person(device, name).waitFor();
  await state(device, name, 'connected');
  for (const kind of what) await arrives(device, name, kind);
  const taken = await person(device, name).getAttribute('data-test-call-path');
  if (path) assert.equal(taken, path);
}

/** A participant's picture is visible: it has a width, and its content changes; or there is none. */
export async function sees(device, name, shown = true) {
  const video = person(device, name).locator('video');
  if (!shown) return video.waitFor({ state: 'detached' });
  await video.waitFor();
  const shot = () =>
    video.evaluate((video) => {
      const canvas = video.ownerDocument.createElement('canvas');
      [canvas.width, canvas.height] = [64, 36];
      const context = canvas.getContext('2d');
      context.drawImage(video, 0, 0, 64, 36);
      return [video.videoWidth, context.getImageData(0, 0, 64, 36).data.join()];
    });
  const pictures = new Set();
  await until(
    `the picture of ${name} at ${device.name}`,
    async () => {
      const [width, picture] = await shot();
      assert.ok(width > 0, 'it is black');
      pictures.add(picture);
      assert.ok(pictures.size > 2, 'it stands still');
      return true;
    },
    PATIENCE,
  );
}
