// Sends to a webhook what a service's library makes of a message: node send.mjs KIND URL [SECRET], with the message as
// JSON on standard input. Prints the status of the response, and its body.
import { createRequire } from 'node:module';
import { text } from 'node:stream/consumers';

import { sign } from '@octokit/webhooks-methods';
import { IncomingWebhook } from '@slack/webhook';
import { Webhook } from 'standardwebhooks';
import twilio from 'twilio';

const require = createRequire(import.meta.url);
const [kind, url, secret] = process.argv.slice(2);
const message = JSON.parse(await text(process.stdin));

async function post(to, type, body, headers) {
  const answer = await fetch(to, { method: 'POST', body, headers: { 'content-type': type, ...headers } });
  return `${answer.status} ${await answer.text()}`;
}

const senders = {
  async slack() {
    const { text } = await new IncomingWebhook(url, message.defaults).send(message.message);
    return `200 ${text}`;
  },

  async github() {
    const body = JSON.stringify(message.body);
    return post(url, 'application/json', body, {
      'x-github-event': message.event,
      'x-github-delivery': message.id,
      'x-hub-signature-256': await sign(secret, body),
    });
  },

  async standard() {
    const body = JSON.stringify(message.body);
    const time = new Date(Date.now() + message.seconds * 1000);
    return post(url, 'application/json', body, {
      'webhook-id': message.id,
      'webhook-timestamp': String(Math.floor(time.getTime() / 1000)),
      'webhook-signature': new Webhook(secret).sign(message.id, time, body),
    });
  },

  // As a form, or as JSON, whose hash is in the URL; `port` is what Twilio makes of the URL.
  async twilio() {
    const { fields, body, algorithm, port } = message;
    const to = body ? `${url}?bodySHA256=${twilio.getExpectedBodyHash(body)}` : url;
    const signed = new URL(to).href.replace(/:\d+\//, port);
    const signature = twilio.getExpectedTwilioSignature(secret, signed, fields ?? {}, algorithm);
    const headers = { 'x-twilio-signature': signature };
    if (algorithm) headers['x-twilio-webhooks-signature-settings'] = `key=k,algorithm=${algorithm}`;
    if (body) return post(to, 'application/json', body, headers);
    const form = new URLSearchParams(Object.entries(fields).flatMap(([name, value]) =>
      [value].flat().map((one) => [name, one])
    ));
    return post(to, 'application/x-www-form-urlencoded', form.toString(), headers);
  },

  // Uptime Kuma's own code; it gets the state of a monitor.
  async uptimekuma() {
    const Provider = require(`${process.env.UPTIME_KUMA}/server/notification-providers/webhook.js`);
    const { settings, text, monitor, heartbeat } = message;
    const notification = { webhookURL: url, ...settings };
    return `200 ${await new Provider().send(notification, text, monitor, heartbeat)}`;
  },
};

console.log(await senders[kind]().catch((error) => `failed ${error.message}`));
