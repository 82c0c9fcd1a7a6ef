import Service, { service } from '@ember/service';
import { tracked } from '@glimmer/tracking';
import { make } from '../lib/activities.ts';
import { carries, type Room } from '../lib/chat/types.ts';
import type ChatService from './chat.ts';
import type GatewayService from './gateway.ts';
import type PreferencesService from './preferences.ts';

/** People of whom it is remembered that they type, in all rooms. */
const MOST = 200;
/** It is said again after this time, in ms (IRCv3 typing). */
const AGAIN = 3000;

/** Who is typing where; and whether we are. */
export default class TypingService extends Service {
  @service declare chat: ChatService;
  @service declare gateway: GatewayService;
  @service declare preferences: PreferencesService;

  /** By room and nickname: until when that holds, in ms. */
  @tracked private until: ReadonlyMap<string, number> = new Map();
  #timer: ReturnType<typeof setTimeout> | undefined;
  #said: { room: string; at: number } | undefined;

  /** Somebody types for so long, or no longer. */
  note(room: string, nick: string, lasts: number) {
    const key = `${room}\n${nick}`;
    if (!lasts && !this.until.has(key)) return;
    const until = new Map(this.until);
    until.delete(key);
    if (lasts && until.size < MOST) until.set(key, Date.now() + lasts);
    this.until = until;
    this.#wait();
  }

  /** Who is typing in a room, in the order in which they were heard of. */
  in(room: string): string[] {
    const prefix = `${room}\n`;
    return [...this.until.keys()]
      .filter((key) => key.startsWith(prefix))
      .map((key) => key.slice(prefix.length));
  }

  #wait() {
    clearTimeout(this.#timer);
    const next = Math.min(...this.until.values());
    if (!Number.isFinite(next)) return;
    this.#timer = setTimeout(
      () => {
        const now = Date.now();
        this.until = new Map([...this.until].filter(([, at]) => at > now));
        this.#wait();
      },
      Math.max(0, next - Date.now()),
    );
  }

  /** Tells the room that we type, or with `text` empty that we do not any more. Commands are nobody's business. */
  tell(room: Room, text: string) {
    if (!this.preferences.tellsTyping) return;
    const network = this.chat.network(room.networkId);
    if (!network || room.kind === 'server') return;
    const composing = text !== '' && !text.startsWith('/');
    const said = this.#said?.room === room.key ? this.#said : undefined;
    const now = Date.now();
    if (composing ? said && now < said.at + AGAIN : !said) return;
    this.#said = composing ? { room: room.key, at: now } : undefined;
    if (!carries(network, 'typing')) return;
    const state = composing ? 'composing' : 'active';
    this.gateway
      .request(network, make.typing(this.gateway.actor(network), room, state))
      // It was worth nothing more than this.
      .catch(() => undefined);
  }

  /** What was sent says by itself that nobody types any more. */
  sent() {
    this.#said = undefined;
  }

  reset() {
    clearTimeout(this.#timer);
    this.until = new Map();
    this.#said = undefined;
  }

  willDestroy() {
    clearTimeout(this.#timer);
    super.willDestroy();
  }
}

declare module '@ember/service' {
  interface Registry {
    typing: TypingService;
  }
}
