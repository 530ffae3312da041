/** The page of the demo: the store on the left, the agent's desk on the right. */
import { style } from './style.ts';

/** The calls of a store's page, as anybody would paste them. */
function snippet(key: string): string {
  return `
window.Cjtag=window.Cjtag||function(){(Cjtag.q=Cjtag.q||[]).push(arguments)};
Cjtag('${key}');
Cjtag('config','IP_TRACK',true);
Cjtag('config','PAGE_TRACK',true);
Cjtag('config','DIV_INTERACTION',{click:'#offer'});
Cjtag('config','DIV_CONVERSION','.buy');
Cjtag('config','OFFERS',true);
`;
}

interface Product {
  readonly name: string;
  readonly text: string;
  readonly price: string;
  readonly color: string;
}

const products: readonly Product[] = [
  { name: 'Advil 250mg', text: '24 coated tablets', price: '8.99', color: 'blue' },
  { name: 'Vitamin C 500mg', text: '60 chewables', price: '11.50', color: 'orange' },
  { name: 'Cough Drops', text: 'Honey and lemon, 30', price: '4.25', color: 'green' },
  { name: 'First Aid Kit', text: '42 pieces', price: '19.00', color: 'red' },
];

/** @returns the page, and what of it a policy has to allow: each text between `script` and `style` tags. */
export function demoPage(key: string, script: string) {
  const calls = snippet(key);
  const html = `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>Harbor Pharmacy</title>
<link rel="icon" href="data:image/svg+xml,${encodeURIComponent(icon)}">
<style>${style}</style>
<script>${calls}</script>
<script async src="/cj.js"></script>
</head>
<body data-key="${key}">
<main class="window" aria-label="The store">
<div class="bar" aria-hidden="true"><i></i><i></i><i></i><span>harborpharmacy.example</span></div>
<header class="shop">
<strong class="logo">Harbor <span>Pharmacy</span></strong>
<form id="login"><label for="member">Member</label>
<input id="member" value="12XXX" maxlength="64" autocomplete="off" required>
<button>Log in</button></form>
<p id="hello" hidden><span></span> <button id="logout" class="quiet">Log out</button></p>
<p id="cart" aria-live="polite">Cart <b>0</b></p>
</header>
<button id="offer" data-cj-event="Offer Clicked" data-cj-offer="2 for 1 on pain relief">
<b>2 for 1 on pain relief</b><span>This week, on everything marked blue. See the offer →</span></button>
<section class="shelf" aria-label="Products">${products.map(card).join('')}</section>
<section class="phone" aria-label="Telephone">
<div><b>Questions? Call us.</b><span>+1 555 0100, day and night</span></div>
<button id="call" disabled>Call the IVR</button>
</section>
</main>
<aside class="window desk" aria-label="The agent’s desk">
<div class="bar" aria-hidden="true"><i></i><i></i><i></i><span>agent desk</span></div>
<header><p class="who"><span id="avatar" aria-hidden="true">?</span><span><b id="name">Nobody yet</b>
<small id="identities">waiting for a visit</small></span></p>
<p id="live"><i></i><span>connecting</span></p></header>
<ol id="timeline" aria-live="polite" aria-label="Timeline"></ol>
<footer><button id="send" disabled>Send an offer</button>
<small>Every line is an event on the customer’s tape, shown as it is committed.</small></footer>
</aside>
<script>${script}</script>
</body>
</html>
`;
  return { html, scripts: [calls, script], styles: [style] };
}

function card({ color, name, price, text }: Product): string {
  return `<article><div class="pack ${color}" aria-hidden="true"><b>${name}</b></div><h2>${name}</h2><p>${text}</p>
<p class="buyrow"><b>$${price}</b><button class="buy" data-cj-event="Add To Cart" data-cj-product="${name}" data-cj-price="${price}" aria-label="Add ${name} to the cart">Add</button></p></article>`;
}

const icon =
  '<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 32 32"><rect width="32" height="32" rx="8" fill="#0f766e"/><path d="M16 8v16M8 16h16" stroke="#fff" stroke-width="5" stroke-linecap="round"/></svg>';
