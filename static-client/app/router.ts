import EmberRouter from '@embroider/router';
import config from 'subspace-client/config/environment';

export default class Router extends EmberRouter {
  location = config.locationType as 'hash';
  rootURL = config.rootURL;
}

Router.map(function () {
  this.route('setup', { path: '/setup/:token' });
  this.route('invite', { path: '/invite/:token' });
  this.route('sign-in');
  this.route('call', { path: '/call/:token' });
  this.route('chat', { path: '/' }, function () {
    this.route('settings-start', { path: '/settings' });
    this.route('settings', { path: '/settings/:section' });
    this.route('mail', { path: '/mail/*path' });
    this.route('room', { path: '/:network/:room' });
  });
  this.route('lost', { path: '/*path' });
});
