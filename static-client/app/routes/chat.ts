import Route from '@ember/routing/route';
import { service } from '@ember/service';
import type RouterService from '@ember/routing/router-service';
import type LifeService from '../services/life.ts';
import type SessionService from '../services/session.ts';

/** Everything behind the sign-in. */
export default class ChatRoute extends Route {
  @service declare session: SessionService;
  @service declare router: RouterService;
  @service declare life: LifeService;

  beforeModel() {
    if (!this.session.signedIn) {
      this.router.replaceWith('sign-in');
      return;
    }
    this.life.start();
  }
}
