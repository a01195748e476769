#!/usr/bin/env node
/**
 * Loads the command line. V8 would compile it at each start, a tenth of a build in which
 * nothing has changed; Node 22.1 and later can keep what it has compiled. Not in Node's own
 * choice of a folder, which others may have made: what lies there will be run.
 */

import module from "node:module";
import path from "node:path";
import { userCacheFolder } from "../user-cache";

const { enableCompileCache } = module as { enableCompileCache?(folder: string): unknown };
enableCompileCache?.(userCacheFolder("finegrain-code", process.env));
require(path.join(__dirname, "main.js"));
