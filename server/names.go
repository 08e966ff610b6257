package server

import (
	"math/rand/v2"
	"strings"
)

// randomName gives a flow run a name that people can say, such as "misty-heron". Names need not be unique.
func randomName() string {
	adjectives := strings.Fields(`able amber ample azure basic bold brave breezy bright brisk calm candid cheery civil clear clever
		cosmic crisp dapper daring deft dusky eager early earnest easy fair fancy fleet fond frosty gentle glad golden grand happy
		hardy honest humble ideal jolly keen kind lively loyal lucid lucky mellow merry mild misty modest neat nimble noble olive
		patient plucky polite proud quick quiet rapid ready robust rosy round rustic scarlet serene sharp shiny silent silver sleek
		smooth snowy solid spry stable steady stoic sturdy subtle sunny swift tidy tranquil upbeat vivid warm wise witty young zesty`)
	animals := strings.Fields(`albatross alpaca antelope badger beaver bison bobcat buffalo bulldog bumblebee camel caribou cheetah
		chinchilla cobra condor cormorant cougar coyote crane cricket curlew deer dingo dolphin donkey dove dragonfly eagle egret
		elephant elk emu falcon ferret finch flamingo fox gazelle gecko giraffe goose gopher grouse gull hamster hare hawk hedgehog
		heron hornet ibex iguana impala jackal jaguar jay kestrel koala kookaburra lark lemur leopard lizard llama lobster lynx
		magpie mallard manatee marmot marten meerkat mole mongoose moose narwhal newt ocelot octopus osprey otter owl panda panther
		parrot pelican penguin petrel pigeon puffin quail rabbit raccoon raven reindeer robin salmon seal sparrow squid starling
		stork swallow swan tapir tern tiger toucan trout turtle viper walrus weasel whale wolf wombat woodpecker wren yak zebra`)
	return adjectives[rand.IntN(len(adjectives))] + "-" + animals[rand.IntN(len(animals))] //nolint:gosec // no secret
}
