import Service, { service } from '@ember/service';
import type RouterService from '@ember/routing/router-service';
import type { Entry, Room } from '../lib/chat/types.ts';
import { stripIrc } from '../lib/text/irc.ts';
import type PreferencesService from './preferences.ts';

/** How much of a message a notification shows, in characters. */
const PREVIEW = 160;

/** Desktop notifications for mentions and direct messages. */
export default class NotificationsService extends Service {
  @service declare preferences: PreferencesService;
  @service declare router: RouterService;

  get supported(): boolean {
    return 'Notification' in globalThis;
  }

  /** Requests permission; called only from the settings. Returns the reason for a refusal in one sentence. */
  async enable(): Promise<string> {
    if (!this.supported) return "This browser doesn't support notifications.";
    const permission = await Notification.requestPermission();
    if (permission !== 'granted') {
      return "Notifications are blocked for this page. Allow them in the browser's site settings.";
    }
    this.preferences.setNotifications(true);
    return '';
  }

  disable() {
    this.preferences.setNotifications(false);
  }

  show(room: Room, entry: Entry) {
    if (!this.supported || !this.preferences.notifications) return;
    if (Notification.permission !== 'granted') return;
    if (this.preferences.muted.has(room.key)) return;
    const title =
      room.kind === 'direct' ? entry.from : `${entry.from} in ${room.name}`;
    try {
      const notification = new Notification(title, {
        body: stripIrc(entry.text).slice(0, PREVIEW),
        tag: room.key,
        icon: 'icon.svg',
      });
      notification.onclick = () => {
        window.focus();
        this.router.transitionTo('chat.room', room.networkId, room.name);
        notification.close();
      };
    } catch {
      // Some mobile browsers allow notifications from service workers only.
    }
  }
}

declare module '@ember/service' {
  interface Registry {
    notifications: NotificationsService;
  }
}
