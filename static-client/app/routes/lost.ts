import Route from '@ember/routing/route';
import { service } from '@ember/service';
import type RouterService from '@ember/routing/router-service';

/** An unknown address leads to the chat. */
export default class LostRoute extends Route {
  @service declare router: RouterService;

  beforeModel() {
    this.router.replaceWith('chat.index');
  }
}
