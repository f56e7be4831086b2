// What every page has. The console works without any of it.
import "./copy";
import "./confirm";
import "./help";
import "./palette";
import "./tabs";
import "./toast";
import "./twice";
import "./typed";
import "./when";
import { connect } from "./live";

document.documentElement.classList.add("script");

connect();
