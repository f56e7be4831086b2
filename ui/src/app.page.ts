// The page of a new app: styles of its choices come with it; the name is looked at by htmx.
import "./style/app.css";
