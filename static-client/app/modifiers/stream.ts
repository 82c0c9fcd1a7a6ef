import { modifier } from 'ember-modifier';

/** Shows a stream, or a single track, in a video element. */
export default modifier(
  (
    element: HTMLVideoElement,
    [source]: [MediaStream | MediaStreamTrack | undefined],
  ) => {
    element.srcObject =
      source instanceof MediaStreamTrack
        ? new MediaStream([source])
        : (source ?? null);
    return () => {
      element.srcObject = null;
    };
  },
);
