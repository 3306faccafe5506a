// The pace of drawing: how many points a moving map shows, so that it stays fluid; all are drawn at rest.

import { DIM, SEEN } from "./chunk.js";

// ms per frame: more points are left out above, fewer below; thirty frames per second are wanted.
const SLOW = 33, FAST = 24;
const LEAST = 15_000; // points that a moving map shows at least

/** What the two ways of drawing share. Chunks are in an order of chance: the first points are a fair part. */
export class Pace {
  fraction = 1; // of the points while moving
  frames = 0;
  drawn = 0; // points of the last frame

  /** Take note of the time that a frame of a moving map took. */
  pace(ms) {
    if (ms > SLOW) this.fraction = Math.max(0.02, this.fraction * Math.max(0.5, SLOW / ms) * 0.95);
    else if (ms < FAST) this.fraction = Math.min(1, this.fraction * 1.1);
  }

  /** Begin a frame: return the share of points that it draws. */
  part(chunks, look) {
    this.frames++;
    this.drawn = 0;
    if (!look.moving) return 1;
    let total = 1;
    for (const chunk of chunks) if (!look.outside?.(chunk)) total += chunk.limit;
    return Math.min(1, Math.max(this.fraction, LEAST / total));
  }
}

/** Return [state, times the opacity] of each pass: what is dimmed lies beneath what is asked for. */
export const passes = (look) => (look.emphasis ? [[DIM, 0.25], [SEEN, 1.15]] : [[SEEN, 1]]);
