// Runs one visit: node run.mjs <name>. The environment gives BASE_URL (without a
// slash at its end), CHROMIUM and SHOTS, a folder for pictures.
import { journey } from './visits/journey.mjs';
import { keyboard } from './visits/keyboard.mjs';
import { cookies } from './visits/cookies.mjs';
import { keys } from './visits/keys.mjs';
import { ownpages } from './visits/ownpages.mjs';
import { app } from './visits/app.mjs';
import { elsewhere } from './visits/elsewhere.mjs';
import { organization } from './visits/organization.mjs';
import { narrow, screens } from './visits/screens.mjs';
import { account, sessions } from './visits/account.mjs';
import { budget } from './visits/budget.mjs';
import { comfort } from './visits/comfort.mjs';
import { ways } from './visits/ways.mjs';
import { handoff } from './visits/handoff.mjs';
import { barrier } from './visits/barrier.mjs';

const visits = {
  journey, keyboard, cookies, keys, ownpages, app, elsewhere, organization, screens, narrow, account, sessions, budget, comfort, ways, handoff, barrier,
};

const visit = visits[process.argv[2]];
if (!visit) {
  console.error(`usage: node run.mjs ${Object.keys(visits).join('|')}`);
  process.exit(2);
}
try {
  await visit();
} catch (error) {
  console.error(error.stack);
  process.exit(1);
}
