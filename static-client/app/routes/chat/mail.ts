import Route from '@ember/routing/route';
import { service } from '@ember/service';
import type UiService from '../../services/ui.ts';

/** A mail, by its folder below `/mail/`. */
export default class MailRoute extends Route {
  @service declare ui: UiService;

  /** A list of one, so that another mail is another page. */
  model(params: { path: string }) {
    return [{ path: params.path }];
  }

  afterModel() {
    this.ui.closeDrawer();
  }
}
