import Route from '@ember/routing/route';
import { service } from '@ember/service';
import type RouterService from '@ember/routing/router-service';

/** The settings without a page lead to the first one. */
export default class SettingsStartRoute extends Route {
  @service declare router: RouterService;

  beforeModel() {
    this.router.replaceWith('chat.settings', 'appearance');
  }
}
