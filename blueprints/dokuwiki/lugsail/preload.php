<?php
// What a person sets lies in the volume, what the package brings in the image.
if (!defined('DOKU_CONF')) {
    define('DOKU_CONF', '/var/lib/dokuwiki/conf/');
}
