// How a page keeps its store true: by the stream, from the place that the store knows.

import { boot } from "millrace/boot";
import { showLine } from "millrace/frame";
import { Line, streamAddress } from "millrace/socket";

/**
 * The line of a page with a store, not yet started; `changed(whole)` hears that something came, and whether the state is
 * whole; `others`, by the type of frame, hears of frames, too, before the store does.
 */
export function follow(store, changed, others = {}) {
  const line = new Line(streamAddress(boot.query), {
    hello: () => ({ after: store.cursor }),
    onState: showLine,
    onFrame: (frame) => {
      others[frame.type]?.(frame);
      if (frame.type !== "position") changed(store.apply(frame));
      else if (store.missed(frame.cursor)) line.again();
    },
  });
  return line;
}
