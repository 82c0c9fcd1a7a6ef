import Service, { service } from '@ember/service';
import { tracked } from '@glimmer/tracking';
import type RouterService from '@ember/routing/router-service';
import { io } from 'socket.io-client';
import { asSentence, sentenceOf } from '../lib/api.ts';
import { Mesh } from '../lib/call/mesh.ts';
import { OwnDevices, type Chosen } from '../lib/call/own-devices.ts';
import { isSpeaking, type Person } from '../lib/call/person.ts';
import type {
  CallAbout,
  CallAdmission,
  CallMedia,
  PeerView,
  SignalData,
} from '../lib/call/types.ts';
import type { Room } from '../lib/chat/types.ts';
import type ActionsService from './actions.ts';
import type SessionService from './session.ts';

/** How long it takes until connections are measured again, in ms; that is work for all of them. */
const MEASURE = 1000;

/** What is used of a socket. */
export interface CallSocket {
  on(event: string, listener: (...args: never[]) => void): unknown;
  emit(event: string, data: unknown): unknown;
  connect(): unknown;
  disconnect(): unknown;
}

function openSocket(url: string, auth: Record<string, unknown>): CallSocket {
  return io(url, {
    path: '/sockethub',
    auth,
    forceNew: true,
    transports: ['websocket', 'polling'],
    tryAllTransports: true,
    reconnectionDelay: 500,
    reconnectionDelayMax: 5000,
  });
}

export type CallPhase = 'none' | 'lobby' | 'joining' | 'in' | 'over';

interface CallChoices extends Chosen {
  relay?: boolean;
  name?: string;
}

/** The call that one takes part in; it goes on while other pages are shown. */
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
  @tracked choices: CallChoices = {};

  readonly own = new OwnDevices(
    () => this.choices,
    () => this.#changed(),
  );

  openSocket = openSocket;

  #socket: CallSocket | undefined;
  readonly #mesh = new Mesh(this.own, (to, data) =>
    this.#socket?.emit('signal', { to, data }),
  );
  #timer: ReturnType<typeof setInterval> | undefined;
  #measuring = false;
  #arrived = false;

  get name(): string {
    return this.session.account || this.choices.name || '';
  }

  get people(): Person[] {
    return this.#mesh.people;
  }

  get speaking(): boolean {
    return !this.own.muted && isSpeaking(this.ownLevel);
  }

  /** Starts a call and says its link in the room. */
  async start(room: Room, guests: boolean) {
    const target = room.kind === 'server' ? '' : room.name;
    const { token, link } = await this.session.api.addCall(target, guests);
    this.actions.say(room, 'action', `started a call, join at ${link}`);
    this.router.transitionTo('call', token);
  }

  /** Opens the page of a call; the one that is going on stays if it is that. */
  async enter(token: string) {
    if (token === this.token && this.phase !== 'over') return;
    this.hangUp();
    this.token = token;
    this.about = undefined;
    this.sentence = '';
    this.choices = (this.session.store.get('call') as CallChoices) ?? {};
    this.phase = 'lobby';
    try {
      this.about = await this.session.api.call(token);
    } catch (error) {
      this.sentence = sentenceOf(error);
      this.phase = 'over';
      return;
    }
    const here = () => token === this.token && this.phase !== 'over';
    await this.own.toggleMicrophone(true);
    // Who has left the page meanwhile is not asked for more.
    if (here()) await this.own.toggleCamera(true);
  }

  choose(choices: CallChoices) {
    this.choices = { ...this.choices, ...choices };
    this.session.store.set('call', this.choices);
  }

  async join() {
    if (this.phase !== 'lobby') return;
    this.phase = 'joining';
    this.sentence = '';
    let admission: CallAdmission;
    try {
      admission = await this.session.api.joinCall(
        this.token,
        this.session.signedIn ? undefined : this.name,
      );
    } catch (error) {
      this.sentence = sentenceOf(error);
      this.phase = 'lobby';
      return;
    }
    this.#mesh.configuration = {
      iceServers: admission.ice_servers,
      // Pictures and sound go one way: half the ports and allocations.
      bundlePolicy: 'max-bundle',
      ...(this.choices.relay ? { iceTransportPolicy: 'relay' } : {}),
    };
    this.#connect(admission);
  }

  /** Leaves the call, and gives the devices back. */
  hangUp() {
    clearInterval(this.#timer);
    window.removeEventListener('online', this.#mesh.restart);
    window.removeEventListener('pagehide', this.#leave);
    this.#leave();
    this.#socket?.disconnect();
    this.#socket = undefined;
    this.#mesh.close();
    this.own.close();
    this.interrupted = false;
    this.ownLevel = 0;
    if (this.phase !== 'none') this.phase = 'over';
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

  /** Sends what there is now, and says so. */
  async #changed() {
    await this.#mesh.fit();
    this.#socket?.emit('media', this.own.media);
  }

  #connect({ url, ticket }: CallAdmission) {
    const socket = this.openSocket(`${url}/calls`, { ticket });
    this.#socket = socket;
    this.#arrived = false;
    socket.on('welcome', ({ peers }: { peers: PeerView[] }) => {
      const back = this.#arrived;
      this.#arrived = true;
      this.interrupted = false;
      this.phase = 'in';
      this.#mesh.welcome(peers, back);
      socket.emit('media', this.own.media);
    });
    socket.on('joined', (view: PeerView) => this.#mesh.joined(view));
    socket.on('returned', (view: PeerView) => this.#mesh.returned(view));
    socket.on('left', ({ peer }: { peer: string }) => this.#mesh.left(peer));
    socket.on('media', (of: { peer: string; media: CallMedia }) =>
      this.#mesh.media(of.peer, of.media),
    );
    socket.on('signal', (signal: { from: string; data: SignalData }) =>
      this.#mesh.receive(signal.from, signal.data),
    );
    socket.on('refused', ({ error }: { error: string }) => {
      this.sentence = asSentence(error);
      if (this.#arrived) return;
      socket.disconnect();
      this.phase = 'lobby';
    });
    socket.on('connect_error', () => {
      this.interrupted = true;
    });
    socket.on('disconnect', (reason: string) => {
      this.interrupted = reason !== 'io client disconnect';
      // A server that restarts closes sockets in order; only then none comes back by itself.
      if (reason === 'io server disconnect' && this.phase === 'in') {
        socket.connect();
      }
    });
    window.addEventListener('online', this.#mesh.restart);
    window.addEventListener('pagehide', this.#leave);
    this.#timer = setInterval(() => void this.#measure(), MEASURE);
  }

  #leave = () => {
    this.#socket?.emit('leave', {});
  };

  async #measure() {
    // A machine that is slower than that is not made even slower.
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
