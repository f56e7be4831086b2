<?php
$hosts = array_column($GLOBALS['cfg']['Servers'] ?? [], 'verbose');
echo '<p style="text-align:center">', htmlspecialchars(implode(', ', array_filter($hosts))), '</p>';
