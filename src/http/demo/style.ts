/** How the demo looks. */
export const style = `
*{box-sizing:border-box}
:root{--ink:#14212b;--soft:#5b6b78;--line:#dfe5ea;--green:#0f766e;--paper:#fff}
[hidden]{display:none!important}
body{margin:0;min-height:100vh;padding:28px;display:grid;grid-template-columns:minmax(0,1.55fr) minmax(320px,1fr);gap:28px;align-items:start;font:15px/1.5 system-ui,-apple-system,"Segoe UI",sans-serif;color:var(--ink);background:linear-gradient(150deg,#dcebe8,#e9edf5 60%,#f3e9e4)}
p,h2,ol{margin:0}
button{font:inherit;font-weight:600;color:#fff;background:var(--green);border:0;border-radius:9px;padding:8px 16px;cursor:pointer}
button:hover:enabled{background:#0b5f58}
button:disabled{background:#c7d0d6;cursor:default}
button:focus-visible,input:focus-visible{outline:3px solid #5eb5ac;outline-offset:2px}
button.quiet{background:none;color:var(--green);padding:4px 6px;font-weight:500}
.window{background:var(--paper);border-radius:16px;box-shadow:0 1px 2px #14212b14,0 18px 50px #14212b1f;overflow:hidden}
.bar{display:flex;align-items:center;gap:7px;padding:11px 16px;background:#f3f5f7;border-bottom:1px solid var(--line)}
.bar i{width:11px;height:11px;border-radius:50%;background:#d3dae0}
.bar span{margin-left:10px;padding:2px 14px;border-radius:7px;background:#fff;color:var(--soft);font-size:13px}
.shop{display:flex;flex-wrap:wrap;align-items:center;gap:12px 18px;padding:18px 24px}
.logo{font-size:21px;letter-spacing:-.3px;margin-right:auto}
.logo span{color:var(--green)}
#login{display:flex;align-items:center;gap:8px}
#login label{color:var(--soft);font-size:13px}
#login input{width:92px;font:inherit;padding:7px 10px;border:1px solid #c5cfd6;border-radius:9px}
#cart{padding:6px 14px;border-radius:9px;background:#eef2f4}
#cart b{display:inline-block;min-width:1.2em;text-align:right}
#offer{display:block;width:calc(100% - 48px);margin:0 24px;padding:26px 28px;text-align:left;border-radius:14px;background:linear-gradient(105deg,#0f5f8f,#2a7fb0 55%,#63aacf)}
#offer:hover{background:linear-gradient(105deg,#0c5683,#2576a6 55%,#5aa2c8)}
#offer b{display:block;font-size:23px;line-height:1.25;letter-spacing:-.3px}
#offer span{font-weight:400}
.shelf{display:grid;grid-template-columns:repeat(auto-fill,minmax(158px,1fr));gap:18px;padding:22px 24px}
.shelf h2{font-size:15px;margin-top:12px}
.shelf p{color:var(--soft);font-size:13.5px}
.shelf .buyrow{display:flex;align-items:center;justify-content:space-between;margin-top:10px;color:var(--ink);font-size:15px}
.pack{height:118px;display:flex;align-items:center;justify-content:center;border-radius:12px;background:#eef3f6}
.pack b{width:104px;height:62px;display:flex;align-items:center;justify-content:center;padding:6px;text-align:center;font-size:12.5px;line-height:1.25;color:#fff;border-radius:6px;box-shadow:0 6px 14px #14212b2e;border-left:13px solid #ffffff59}
.blue b{background:#1f6fa5}.orange b{background:#d97a1b}.green b{background:#3c8a4f}.red b{background:#c2423f}
.phone{display:flex;align-items:center;justify-content:space-between;gap:16px;margin:0 24px 24px;padding:16px 20px;border:1px solid var(--line);border-radius:14px}
.phone span{display:block;color:var(--soft);font-size:13.5px}
.desk{position:sticky;top:28px;display:flex;flex-direction:column;max-height:calc(100vh - 56px)}
.desk header{display:flex;align-items:center;justify-content:space-between;gap:12px;padding:18px 22px;border-bottom:1px solid var(--line)}
.who{display:flex;align-items:center;gap:12px;min-width:0}
.who b{display:block}
.who small{display:block;color:var(--soft);overflow-wrap:anywhere;font-size:12.5px;line-height:1.35}
#avatar{flex:none;width:42px;height:42px;display:grid;place-items:center;border-radius:50%;background:#e4edf0;color:var(--green);font-weight:700;font-size:17px}
#live{flex:none;display:flex;align-items:center;gap:7px;color:var(--soft);font-size:13px}
#live i{width:9px;height:9px;border-radius:50%;background:#c7d0d6}
#live.on i{background:#22a06b;box-shadow:0 0 0 4px #22a06b26}
#timeline{list-style:none;padding:20px 22px;overflow:auto;flex:1;min-height:330px}
#timeline li{position:relative;display:grid;grid-template-columns:38px 1fr auto;gap:2px 12px;padding-bottom:20px}
#timeline li:not(:last-child)::before{content:"";position:absolute;left:18px;top:38px;bottom:0;border-left:2px solid var(--line)}
#timeline .dot{width:38px;height:38px;display:grid;place-items:center;border-radius:50%;background:#e8f1f6;color:#1f6fa5}
#timeline .ivr .dot,#timeline .ivr.dot{background:#f6eee4;color:#b3641a}
#timeline .login .dot{background:#e5f3ec;color:#1d7f57}
#timeline svg{width:19px;height:19px;fill:none;stroke:currentColor;stroke-width:2;stroke-linecap:round;stroke-linejoin:round}
#timeline b{font-weight:600;align-self:center}
#timeline time{color:var(--soft);font-size:13px;align-self:center;font-variant-numeric:tabular-nums}
#timeline small{grid-column:2/4;color:var(--soft);font-size:12.5px;margin-top:-6px}
#timeline li.new{animation:come .5s ease-out}
@keyframes come{from{opacity:0;transform:translateY(10px)}}
.desk footer{display:flex;align-items:center;gap:14px;padding:14px 22px;border-top:1px solid var(--line);background:#fafbfc}
.desk footer button{flex:none}
.desk footer small{color:var(--soft);font-size:12px;line-height:1.4}
@media (max-width:900px){body{grid-template-columns:minmax(0,1fr);padding:16px}.desk{position:static;max-height:none}}
@media (prefers-reduced-motion:reduce){*{animation:none!important}}
`;
