// SPDX-License-Identifier: GPL-2.0-or-later
import { render } from "preact";
import { useEffect } from "preact/hooks";

import { startFeed } from "./live";
import { Enrolment } from "./pages/enrolment";
import { Fleet } from "./pages/fleet";
import { ImagePage } from "./pages/image";
import { Images } from "./pages/images";
import { Log } from "./pages/log";
import { PcPage } from "./pages/pc";
import { SignIn } from "./pages/sign-in";
import { Link, place } from "./router";
import { askSession, session } from "./session";
import { useStore } from "./store";
import { Empty, ProblemBox } from "./ui/parts";
import { Shell } from "./ui/shell";
import "./style/tokens.css";
import "./style/base.css";
import "./style/shell.css";
import "./style/parts.css";
import "./style/lists.css";
import "./style/pages.css";

const ASK_AGAIN_MS = 3000;

function Page() {
  const [, first, second, more] = useStore(place).split("/");
  if (!first) return <Fleet />;
  if (first === "pcs" && second && !more) return <PcPage key={second} id={second} />;
  if (first === "images" && !second) return <Images />;
  if (first === "images" && second && !more) return <ImagePage key={second} image={second} />;
  if (first === "enrolment" && !second) return <Enrolment />;
  if (first === "log" && !second) return <Log />;
  return (
    <Empty icon="search" title="There is no such page">
      <p>
        The address is misspelt, or from another version. <Link to="/">To the fleet</Link>
      </p>
    </Empty>
  );
}

function SignedIn({ administrator }: { administrator: string }) {
  useEffect(startFeed, []);
  return (
    <Shell administrator={administrator}>
      <Page />
    </Shell>
  );
}

function App() {
  const now = useStore(session);
  useEffect(() => {
    if (now.state !== "unreachable") return;
    const timer = setTimeout(askSession, ASK_AGAIN_MS);
    return () => clearTimeout(timer);
  }, [now]);
  switch (now.state) {
    case "asking":
      return null;
    case "unreachable":
      return (
        <main class="sign-in">
          <ProblemBox problem={now.problem} retry={askSession} />
        </main>
      );
    case "out":
      return <SignIn over={now.over} />;
    case "in":
      return <SignedIn administrator={now.administrator} />;
  }
}

void askSession();
render(<App />, document.getElementById("app")!);
