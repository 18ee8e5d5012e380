//! Node tests of the front door with a fake session directory and a fake worker.
