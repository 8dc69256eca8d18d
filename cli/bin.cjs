#!/usr/bin/env node
'use strict';
// TypeScript runs as it is: types are checked by `npm run check`, not at start.
require('tsx/cjs/api').register();
require('./main.ts');
