// A remoteStorage app in somebody's browser, as far as it is needed: the root of the storage and a token.
// https://datatracker.ietf.org/doc/html/draft-dejong-remotestorage
import { until } from './until.mjs';

const REL = 'http://tools.ietf.org/id/draft-dejong-remotestorage';
const IMPLICIT_GRANT = 'http://tools.ietf.org/html/rfc6749#section-4.2';
const APP = 'https://notes.example.test';

/** Finds an account's storage from `name@host`, like an app. */
async function discover(origin, name) {
  const resource = encodeURIComponent(`acct:${name}@${new URL(origin).host}`);
  const answer = await fetch(`${origin}/.well-known/webfinger?resource=${resource}`);
  if (!answer.ok) throw new Error(`WebFinger: ${answer.status} ${await answer.text()}`);
  const { links } = await answer.json();
  const { href, properties } = links.find(({ rel }) => rel === REL);
  return { root: href, authorize: properties[IMPLICIT_GRANT] };
}

/** Grants an app a scope on the consent page; returns the root and the app's token. */
export async function allowApp(device, origin, { name, password, scope }) {
  const { root, authorize } = await discover(origin, name);
  const page = await device.context.newPage();
  try {
    // The app's page needs no server.
    await page.route(`${APP}/**`, (route) => route.fulfill({ body: 'the app' }));
    const asked = new URL(authorize);
    const wanted = { client_id: APP, redirect_uri: `${APP}/`, response_type: 'token', scope };
    for (const [key, value] of Object.entries(wanted)) asked.searchParams.set(key, value);
    await page.goto(asked.href);
    const [entry, allow] = ['input[name="password"]', 'button[value="allow"]'];
    await page.locator(`${entry}, ${allow}`).waitFor();
    // Somebody who has just signed in there is not asked again.
    if (await page.locator(entry).isVisible()) {
      await page.locator(entry).fill(password);
      await page.locator('button[value="sign-in"]').click();
    }
    await page.locator(allow).click();
    const token = await until('the way back to the app', () => {
      const url = new URL(page.url());
      return url.origin === APP && new URLSearchParams(url.hash.slice(1)).get('access_token');
    });
    return { root, token };
  } finally {
    await page.close();
  }
}
