'use strict';

if (typeof module !== 'undefined') {
  module.exports = {
    test_page: 'tests/index.html?hidepassed',
    cwd: 'dist-tests',
    disable_watching: true,
    launch_in_ci: ['Chromium'],
    launch_in_dev: ['Chromium'],
    browser_start_timeout: 120,
    browser_args: {
      Chromium: {
        ci: [
          // --no-sandbox is needed when running Chrome inside a container
          '--no-sandbox',
          '--headless',
          '--disable-dev-shm-usage',
          '--disable-software-rasterizer',
          '--mute-audio',
          // Calls: fake devices that need no hardware, and no permission prompts.
          '--use-fake-device-for-media-stream=device-count=2',
          '--use-fake-ui-for-media-stream',
          '--autoplay-policy=no-user-gesture-required',
          '--remote-debugging-port=0',
          '--window-size=1440,900',
          '--disable-background-networking',
          '--disable-component-update',
          '--disable-sync',
          '--no-first-run',
        ],
      },
    },
  };
}
