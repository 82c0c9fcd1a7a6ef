export default {
  extends: ['stylelint-config-standard'],
  rules: {
    'import-notation': 'string',
    // Text sizes and stacking order have one scale, in tokens.css; code is slightly smaller than the surrounding
    // text.
    'declaration-property-value-allowed-list': {
      'font-size': ['/^var\\(--text/', '0.92em', 'inherit'],
      'z-index': ['/^var\\(--z-/', 'auto'],
    },
  },
};
