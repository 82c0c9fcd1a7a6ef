export default {
  extends: ['stylelint-config-standard'],
  rules: {
    'import-notation': 'string',
    // Sizes of text and what lies above what have one scale, in tokens.css; code is a little smaller than its text.
    'declaration-property-value-allowed-list': {
      'font-size': ['/^var\\(--text/', '0.92em', 'inherit'],
      'z-index': ['/^var\\(--z-/', 'auto'],
    },
  },
};
