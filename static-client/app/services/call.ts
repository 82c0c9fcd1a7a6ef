import Service, { service } from '@ember/service';
import { tracked } from '@glimmer/tracking';
import type RouterService from '@ember/routing/router-service';
import { ApiError, sentenceOf } from '../lib/api.ts';
import { ARRIVAL_TIME, CallLine, openSocket } from '../lib/call/line.ts';
import { Mesh } from '../lib/call/mesh.ts';
import { shownName, troubleWithName } from '../lib/call/names.ts';
import { OwnDevices, type Chosen } from '../lib/call/own-devices.ts';
import { isSpeaking, type Person } from '../lib/call/person.ts';
import type { Room } from '../lib/chat/types.ts';
import type { CallAbout, CallAdmission } from '../lib/protocol.ts';
import type ActionsService from './actions.ts';
import type SessionService from './session.ts';

/** Interval between measurements of the connections, in ms; measuring costs work for all of them. */
const MEASURE = 1000;
/** The fraction of their lifetime after which relay credentials are renewed, and the delay before a retry, in ms. */
const RENEW_AFTER = 0.8;
const RENEW_AGAIN = 60_000;
/** Maximum delay of a browser's timer, in ms. */
const LONGEST = 2 ** 31 - 1;

/** Shown to the person who ended a call. */
const ENDED_HERE = 'You ended this call. Its link no longer works.';

/** The server does not know the link, or no longer. */
function isGone(error: unknown): boolean {
  return error instanceof ApiError && [404, 410].includes(error.status);
}

export type CallPhase = 'none' | 'lobby' | 'joining' | 'in' | 'over';

interface CallChoices extends Chosen {
  relay?: boolean;
  name?: string;
}

/** The user's current call; it continues while other pages are shown. */
export default class CallService extends Service {
  @service declare actions: ActionsService;
  @service declare router: RouterService;
  @service declare session: SessionService;

  @tracked phase: CallPhase = 'none';
  @tracked token = '';
  @tracked about: CallAbout | undefined;
  @tracked ownLevel = 0;
  @tracked interrupted = false;
  /** What went wrong with the call. */
  @tracked sentence = '';
  /** The call ended here, but its link may still work. */
  @tracked canReturn = false;
  @tracked choices: CallChoices = {};
  /** Whether the user may remove others. */
  @tracked moderator = false;

  readonly own = new OwnDevices(
    () => this.choices,
    () => this.#changed(),
  );

  openSocket = openSocket;
  arrivalTime = ARRIVAL_TIME;

  readonly #mesh = new Mesh(this.own, (to, data) =>
    this.#line.tell('signal', { to, data }),
  );
  readonly #line: CallLine = new CallLine({
    welcome: (welcome) => {
      this.phase = 'in';
      this.moderator = Boolean(welcome.moderator);
      this.#mesh.welcome(welcome);
      this.#line.tell('media', this.own.media);
    },
    joined: (view) => this.#mesh.joined(view),
    left: (peer) => this.#mesh.left(peer),
    media: (peer, media) => this.#mesh.media(peer, media),
    signal: (from, data) => this.#mesh.receive(from, data),
    refused: (sentence, final) => this.#refused(sentence, final),
    interrupted: (is) => {
      this.interrupted = is;
    },
  });
  #timer: ReturnType<typeof setInterval> | undefined;
  #renewal: ReturnType<typeof setTimeout> | undefined;
  #measuring = false;
  /** Whether the page of the call is shown. */
  #shown = false;
  /** Counts calls, so that results for an old one are ignored. */
  #generation = 0;

  get name(): string {
    return this.session.account || this.choices.name || '';
  }

  get people(): Person[] {
    return this.#mesh.people;
  }

  get speaking(): boolean {
    return !this.own.muted && isSpeaking(this.ownLevel);
  }

  /** Where the link was posted. */
  get target(): string {
    const target = this.about?.target;
    return target ? shownName(target) : '';
  }

  /** Whether the user started it, and so may end it for everyone. */
  get isStarter(): boolean {
    return Boolean(
      this.about && this.about.account === this.session.current?.account,
    );
  }

  /** The link by which others join. */
  get link(): string {
    const page = location.href.replace(/#.*$/, '');
    return `${page}#/call/${encodeURIComponent(this.token)}`;
  }

  /** Starts a call and posts its link in the room. */
  async start(room: Room, guests: boolean) {
    const target = room.kind === 'server' ? '' : room.name;
    const { token, link } = await this.session.api.addCall({
      target,
      guests,
      connection: room.networkId,
    });
    this.actions.say(room, 'action', `started a call, join at ${link}`);
    this.router.transitionTo('call', token);
  }

  /** Opens a call's page; if it is the current call, that continues. */
  async enter(token: string) {
    this.#shown = true;
    const going = this.phase !== 'over' && this.phase !== 'none';
    if (token === this.token && going) return;
    this.hangUp();
    this.token = token;
    this.about = undefined;
    this.sentence = '';
    this.choices = (this.session.store.get('call') as CallChoices) ?? {};
    this.phase = 'lobby';
    const generation = this.#generation;
    try {
      const about = await this.session.api.call(token);
      if (generation !== this.#generation) return;
      this.about = about;
    } catch (error) {
      if (generation === this.#generation) {
        this.#end(this.#reason(sentenceOf(error)), !isGone(error));
      }
      return;
    }
    await this.own.toggleMicrophone(true);
    // The user may have left the page meanwhile: then nothing more is requested.
    if (generation === this.#generation) await this.own.toggleCamera(true);
  }

  /** The call's page was left: the user stays in a call that they joined; otherwise the camera is switched off. */
  leavePage() {
    this.#shown = false;
    if (this.phase !== 'in') this.#forget();
  }

  choose(choices: CallChoices) {
    this.choices = { ...this.choices, ...choices };
    this.session.store.set('call', this.choices);
  }

  async join() {
    if (this.phase !== 'lobby') return;
    this.sentence = this.session.signedIn ? '' : troubleWithName(this.name);
    if (this.sentence) return;
    this.phase = 'joining';
    const generation = this.#generation;
    let admission: CallAdmission;
    try {
      admission = await this.#ask();
    } catch (error) {
      if (generation !== this.#generation) return;
      this.sentence = sentenceOf(error);
      this.phase = 'lobby';
      return;
    }
    if (generation !== this.#generation) return;
    this.#configure(admission);
    this.#connect(admission);
  }

  /** Leaves the call and releases the devices. */
  hangUp() {
    this.#generation += 1;
    this.#disconnect();
    this.own.close();
    this.interrupted = false;
    this.ownLevel = 0;
    this.moderator = false;
    this.sentence = '';
    this.canReturn = true;
    if (this.phase !== 'none') this.phase = 'over';
  }

  /** Revokes the link, which ends the call for everyone. */
  async endForAll() {
    const generation = this.#generation;
    const before = this.#endedHere;
    // The connector may report it before the server responds.
    this.#endedHere = this.token;
    try {
      await this.session.api.endCall(this.token);
    } catch (error) {
      this.#endedHere = before;
      throw error;
    }
    if (generation === this.#generation) this.#end(ENDED_HERE);
  }

  /** The call that was last ended here for everyone. */
  #endedHere: string | undefined;

  /** Why a call ended; the person who ended it is not told to ask for a new link. */
  #reason(sentence: string): string {
    return this.token === this.#endedHere ? ENDED_HERE : sentence;
  }

  /** Removes someone from the call. */
  putOut({ peer, label }: Person) {
    this.#line.tell('remove', { peer });
    this.sentence = `You removed ${label} from the call.`;
  }

  /** Dismisses the message about an ended call. */
  dismiss() {
    if (this.phase === 'over') this.#forget();
  }

  async useMicrophone(id: string) {
    this.choose({ microphone: id });
    await this.own.changeMicrophone();
  }

  async useCamera(id: string) {
    this.choose({ camera: id });
    await this.own.changeCamera();
  }

  willDestroy() {
    this.hangUp();
    super.willDestroy();
  }

  /** Ends the call with a reason to show. */
  #end(sentence: string, canReturn = false) {
    this.hangUp();
    this.phase = 'over';
    this.sentence = sentence;
    this.canReturn = canReturn;
  }

  /** Leaves and forgets the call. */
  #forget() {
    this.hangUp();
    this.phase = 'none';
    this.token = '';
    this.about = undefined;
    this.sentence = '';
    this.choices = {};
  }

  /** Another account is signed in, or none: the current user has not joined. */
  accountChanged() {
    const shown = this.#shown && this.phase !== 'none';
    this.#endedHere = undefined;
    this.#forget();
    if (shown) {
      this.#end(this.session.notice, true);
    }
  }

  /** Sends the current tracks, and announces them. */
  async #changed() {
    await this.#mesh.fit();
    this.#line.tell('media', this.own.media);
  }

  #ask(): Promise<CallAdmission> {
    return this.session.api.joinCall(
      this.token,
      this.session.signedIn ? {} : { name: this.name },
    );
  }

  /** Uses the server's relays, and requests new credentials before these expire. */
  #configure({ ice_servers, ice_ttl }: CallAdmission) {
    this.#mesh.configure({
      iceServers: ice_servers,
      // Video and sound share one path: half the ports and allocations.
      bundlePolicy: 'max-bundle',
      ...(this.choices.relay ? { iceTransportPolicy: 'relay' } : {}),
    });
    if (ice_ttl) this.#renewIn(ice_ttl * 1000 * RENEW_AFTER);
  }

  #renewIn(ms: number) {
    clearTimeout(this.#renewal);
    const generation = this.#generation;
    this.#renewal = setTimeout(
      () => {
        this.#ask().then(
          (admission) => {
            if (generation === this.#generation) this.#configure(admission);
          },
          () => {
            // The call continues; the renewal is retried.
            if (generation === this.#generation) this.#renewIn(RENEW_AGAIN);
          },
        );
      },
      Math.min(ms, LONGEST),
    );
  }

  #connect({ url, ticket }: CallAdmission) {
    this.#line.open(this.openSocket, url, ticket, this.arrivalTime);
    window.addEventListener('online', this.#mesh.restart);
    window.addEventListener('pagehide', this.#leave);
    this.#timer = setInterval(() => void this.#measure(), MEASURE);
  }

  #refused(sentence: string, final: boolean) {
    if (!this.#line.arrived) {
      // Refused before joining, perhaps only for now: the user may try again.
      this.#disconnect();
      this.phase = 'lobby';
      this.sentence = sentence;
    } else if (final) {
      // Final: asking again would not help.
      this.#end(this.#reason(sentence));
    } else {
      this.sentence = sentence;
    }
  }

  /** Disconnects from the connector and everyone in the call. */
  #disconnect() {
    clearInterval(this.#timer);
    clearTimeout(this.#renewal);
    window.removeEventListener('online', this.#mesh.restart);
    window.removeEventListener('pagehide', this.#leave);
    this.#line.close();
    this.#mesh.close();
  }

  /** The page is unloaded; if the browser restores it, the call has ended. */
  #leave = () => this.hangUp();

  async #measure() {
    // A slow machine is not slowed down further.
    if (this.#measuring) return;
    this.#measuring = true;
    await this.#mesh.measure();
    this.ownLevel = this.#mesh.ownLevel;
    this.#measuring = false;
  }
}

declare module '@ember/service' {
  interface Registry {
    call: CallService;
  }
}
