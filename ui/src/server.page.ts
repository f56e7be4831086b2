import "./style/server.css";
